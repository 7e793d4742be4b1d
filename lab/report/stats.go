package report

import (
	"fmt"
	"time"

	"github.com/icelab-go/icelab/peers"
)

// stats are a peer's account in the words of W3C's webrtc-stats, with what it has
// no words for behind "lab".
type stats struct {
	ConnectionState    string `json:"connectionState"`
	ICEState           string `json:"iceConnectionState"`
	ICEGatheringState  string `json:"iceGatheringState"`
	DTLSState          string `json:"dtlsState"`
	DataChannelState   string `json:"dataChannelState"`
	SelectedPairID     string `json:"selectedCandidatePairId,omitempty"`
	SelectedPairChange int    `json:"selectedCandidatePairChanges"`

	LocalCandidates  []candidateStats `json:"localCandidates"`
	RemoteCandidates []candidateStats `json:"remoteCandidates"`
	CandidatePairs   []pairStats      `json:"candidatePairs"`

	Milestones peers.Milestones    `json:"labMilestones"`
	Timeline   []peers.StateChange `json:"labTimeline"`
	Restarts   []peers.Restart     `json:"labRestarts,omitempty"`
	// Descriptions are the credentials of those made and got.
	Descriptions []peers.Credentials `json:"labDescriptions,omitempty"`
	Traffic      peers.Traffic       `json:"labTraffic"`
	StalledMS    float64             `json:"labStalledMs,omitempty"`
	Log          []peers.LogLine     `json:"labLog,omitempty"`
}

// candidateStats is RTCIceCandidateStats.
type candidateStats struct {
	ID             string  `json:"id"`
	Type           string  `json:"type"` // "local-candidate", "remote-candidate"
	Timestamp      float64 `json:"timestamp"`
	CandidateType  string  `json:"candidateType"`
	Address        string  `json:"address"`
	Port           uint16  `json:"port"`
	Protocol       string  `json:"protocol"`
	Priority       uint32  `json:"priority"`
	RelatedAddress string  `json:"relatedAddress,omitempty"`
	RelatedPort    uint16  `json:"relatedPort,omitempty"`
	RelayProtocol  string  `json:"relayProtocol,omitempty"`

	AtMS       float64 `json:"labAtMs"`
	Sent       *bool   `json:"labSent,omitempty"`
	Ignored    string  `json:"labIgnored,omitempty"`
	Generation int     `json:"labGeneration,omitempty"`
}

// pairStats is RTCIceCandidatePairStats.
type pairStats struct {
	ID                string  `json:"id"`
	Type              string  `json:"type"` // "candidate-pair"
	Timestamp         float64 `json:"timestamp"`
	LocalCandidateID  string  `json:"localCandidateId"`
	RemoteCandidateID string  `json:"remoteCandidateId"`
	State             string  `json:"state"`
	Nominated         bool    `json:"nominated"`
	PacketsSent       uint32  `json:"packetsSent"`
	PacketsReceived   uint32  `json:"packetsReceived"`
	BytesSent         uint64  `json:"bytesSent"`
	BytesReceived     uint64  `json:"bytesReceived"`
	RequestsSent      uint64  `json:"requestsSent"`
	ResponsesReceived uint64  `json:"responsesReceived"`
	RequestsReceived  uint64  `json:"requestsReceived"`
	ResponsesSent     uint64  `json:"responsesSent"`
	// CurrentRoundTripTime is in seconds, as W3C has it.
	CurrentRoundTripTime float64 `json:"currentRoundTripTime"`
}

func statsOf(r *peers.Report) *stats {
	if r == nil {
		return nil
	}
	s := &stats{
		ConnectionState: r.Connection, ICEState: r.ICE, ICEGatheringState: r.Gathering,
		DTLSState: r.DTLS, DataChannelState: r.Channel, SelectedPairChange: len(r.Selections),
		LocalCandidates: []candidateStats{}, RemoteCandidates: []candidateStats{}, CandidatePairs: []pairStats{},
		Milestones: r.Milestones, Timeline: r.Timeline, Restarts: r.Restarts, Traffic: r.Traffic, Descriptions: r.Credentials,
		StalledMS: r.StalledMS, Log: r.Log,
	}
	stamp := func(ms float64) float64 {
		return float64(r.Started.Add(time.Duration(ms*float64(time.Millisecond))).UnixMicro()) / 1000
	}
	for _, c := range r.Local {
		one := candidateOf(c.Candidate, "local-candidate", fmt.Sprintf("L%d", len(s.LocalCandidates)+1))
		one.Timestamp, one.AtMS, one.Sent, one.Generation = stamp(c.AtMS), c.AtMS, new(c.Sent), c.Generation
		s.LocalCandidates = append(s.LocalCandidates, one)
	}
	for _, c := range r.Remote {
		one := candidateOf(c.Candidate, "remote-candidate", fmt.Sprintf("R%d", len(s.RemoteCandidates)+1))
		one.Timestamp, one.AtMS, one.Ignored, one.Generation = stamp(c.AtMS), c.AtMS, c.Ignored, c.Generation
		s.RemoteCandidates = append(s.RemoteCandidates, one)
	}
	var seen float64
	if r.PairsMS != nil {
		seen = stamp(*r.PairsMS)
	}
	for i, p := range r.Pairs {
		one := pairStats{
			ID: fmt.Sprintf("P%d", i+1), Type: "candidate-pair", Timestamp: seen,
			LocalCandidateID:  s.local(p.Local),
			RemoteCandidateID: s.remote(p.Remote),
			State:             p.State, Nominated: p.Nominated,
			PacketsSent: p.PacketsSent, PacketsReceived: p.PacketsReceived,
			BytesSent: p.BytesSent, BytesReceived: p.BytesReceived,
			RequestsSent: p.RequestsSent, ResponsesReceived: p.ResponsesReceived,
			RequestsReceived: p.RequestsReceived, ResponsesSent: p.ResponsesSent,
			CurrentRoundTripTime: p.RTTMS / 1000,
		}
		if r.Selected != nil && samePlace(r.Selected.Local, p.Local) && samePlace(r.Selected.Remote, p.Remote) {
			s.SelectedPairID = one.ID
		}
		s.CandidatePairs = append(s.CandidatePairs, one)
	}
	return s
}

func candidateOf(c peers.Candidate, kind, id string) candidateStats {
	return candidateStats{
		ID: id, Type: kind, CandidateType: string(c.Type), Address: c.Address, Port: c.Port,
		Protocol: c.Protocol, Priority: c.Priority, RelatedAddress: c.RelatedAddress,
		RelatedPort: c.RelatedPort, RelayProtocol: c.RelayProtocol,
	}
}

// local and remote find the ID of a pair's candidate. One that was neither gathered
// nor sent, a peer-reflexive one, is added.
func (s *stats) local(c peers.Candidate) string {
	return idIn(&s.LocalCandidates, "local-candidate", "L", c)
}

func (s *stats) remote(c peers.Candidate) string {
	return idIn(&s.RemoteCandidates, "remote-candidate", "R", c)
}

func idIn(list *[]candidateStats, kind, letter string, c peers.Candidate) string {
	for _, known := range *list {
		if known.CandidateType == string(c.Type) && known.Address == c.Address && known.Port == c.Port {
			return known.ID
		}
	}
	one := candidateOf(c, kind, fmt.Sprintf("%s%d", letter, len(*list)+1))
	*list = append(*list, one)
	return one.ID
}

func samePlace(a, b peers.Candidate) bool {
	return a.Type == b.Type && a.Address == b.Address && a.Port == b.Port
}
