// Package vnet is the fabric inside one process: every node is a set of
// goroutines, every host has the network stack of a pion vnet, every segment is
// a vnet router. It needs no privilege, no kernel and no other program.
//
// The gateways are this package's own. vnet's routers reach a wider network
// only through a NAT of theirs, which counts ports up, forgets no mapping when
// asked to and cannot turn packets round; so here they just connect the hosts of
// one segment, and a packet filter takes off what leaves it. The gateways route,
// translate and filter as those of lab/gateway do, for UDP over IPv4. There is no
// TCP, no ICMP, no fragmentation and no IPv6.
package vnet
