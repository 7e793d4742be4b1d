package lab

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/icelab-go/icelab/lab/fabric"
	"github.com/icelab-go/icelab/scenarios"
)

// Plan says how RunAll plays. Its functions are called by one goroutine at a
// time; each may be nil.
type Plan struct {
	// Parallel is how many labs play at once; zero means as many as suit the
	// fabric (see Parallel). There are never more than scenarios.
	Parallel int
	// Up is told once that the labs are up, and how long that took.
	Up func(labs int, took time.Duration)
	// Progress is told when a scenario begins or ends.
	Progress func(Progress)
	// Final is told every result in the order of the scenarios, as soon as those
	// of all before it are known.
	Final func(Result)
}

// Progress is how far RunAll or Matrix has come.
type Progress struct {
	Done, Total int
	// Playing names what is being played now.
	Playing []string
}

// RunAll plays scenarios on labs beside each other, which it brings up and takes
// down. The results are in the order of the scenarios. The error is the lab's, or
// the cause why ctx ended; then the results are those that were final.
func RunAll(ctx context.Context, on fabric.Fabric, list []scenarios.Scenario, plan Plan) ([]Result, error) {
	results := inOrder[Result]{final: plan.Final, list: make([]*Result, len(list))}
	p := pool{parallel: plan.Parallel, up: plan.Up, progress: plan.Progress}
	for i, s := range list {
		p.jobs = append(p.jobs, job{
			name: s.Name, shape: shapeNeeded(s),
			play: func(ctx context.Context, l *Lab) func() {
				r := l.Run(ctx, s)
				return func() { results.put(i, r) }
			},
		})
	}
	err := p.play(ctx, on)
	return results.done, err
}

// shapeNeeded is the topology that a scenario needs. One that is mistaken needs
// none; that is told when it is run.
func shapeNeeded(s scenarios.Scenario) shape {
	s, err := s.Complete()
	if err != nil {
		return standard
	}
	caller, callee, err := s.Conditions()
	if err != nil {
		return standard
	}
	return shapeOf(s, caller, callee)
}

// inOrder hands values on in the order of their indices, whatever the order they
// come in.
type inOrder[T any] struct {
	final func(T)
	list  []*T
	done  []T
}

func (o *inOrder[T]) put(i int, v T) {
	o.list[i] = &v
	for len(o.done) < len(o.list) && o.list[len(o.done)] != nil {
		next := *o.list[len(o.done)]
		o.done = append(o.done, next)
		if o.final != nil {
			o.final(next)
		}
	}
}

// job is something to be played on a lab.
type job struct {
	name  string
	shape shape // the topology that it needs
	// play plays it and returns what is to be done with the outcome, which is
	// called by one goroutine at a time.
	play func(context.Context, *Lab) (record func())
}

// pool plays jobs on labs beside each other.
type pool struct {
	jobs     []job
	parallel int
	up       func(labs int, took time.Duration)
	progress func(Progress)
}

// play brings the labs up, all before anything is played, so that no scenario's
// times suffer from it, and takes each down as soon as it is not needed.
func (p pool) play(ctx context.Context, on fabric.Fabric) error {
	if len(p.jobs) == 0 {
		return nil
	}
	if p.parallel == 0 {
		p.parallel = Parallel(on, len(p.jobs))
	}
	begin := time.Now()
	labs, err := startAll(ctx, on, min(max(p.parallel, 1), len(p.jobs)))
	if err != nil {
		return err
	}
	if p.up != nil {
		p.up(len(labs), time.Since(begin))
	}
	q := newQueue(p.jobs)
	var recording sync.Mutex
	locked := func(do func()) {
		recording.Lock()
		defer recording.Unlock()
		do()
	}
	closing := make([]error, len(labs))
	var all sync.WaitGroup
	for i, l := range labs {
		all.Go(func() {
			defer func() { closing[i] = l.Close() }()
			up := map[shape]bool{standard: true}
			for ctx.Err() == nil {
				n, any := -1, false
				locked(func() {
					if n, any = q.take(up); any {
						p.tell(q)
					}
				})
				if !any {
					return
				}
				record := p.jobs[n].play(ctx, l)
				if ctx.Err() != nil {
					return // what was interrupted tells nothing
				}
				locked(func() {
					record()
					q.end(n)
					p.tell(q)
				})
			}
		})
	}
	all.Wait()
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return withRemains(err, closing)
}

// Remains says that a lab could not be taken down, and why.
type Remains struct{ why error }

func (r *Remains) Error() string { return "take the lab down: " + r.why.Error() }

// Unwrap returns why.
func (r *Remains) Unwrap() error { return r.why }

// withRemains adds to an error what closing labs came to.
func withRemains(err error, closing []error) error {
	left := errors.Join(closing...)
	switch {
	case left == nil:
		return err
	case err == nil:
		return &Remains{left}
	}
	return errors.Join(err, &Remains{left})
}

func (p pool) tell(q *queue) {
	if p.progress == nil {
		return
	}
	now := Progress{Done: q.ended, Total: len(p.jobs)}
	for _, n := range q.playing {
		now.Playing = append(now.Playing, p.jobs[n].name)
	}
	p.progress(now)
}

// startAll starts labs beside each other, all or none.
func startAll(ctx context.Context, on fabric.Fabric, count int) ([]*Lab, error) {
	labs := make([]*Lab, count)
	each, eachCtx := errgroup.WithContext(ctx)
	for i := range labs {
		each.Go(func() (err error) {
			labs[i], err = Start(eachCtx, on)
			return err
		})
	}
	err := each.Wait()
	if err == nil {
		return labs, nil
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	var closing []error
	for _, l := range labs {
		if l != nil {
			closing = append(closing, l.Close())
		}
	}
	return nil, withRemains(err, closing)
}

// queue are the jobs that wait, and who should play which.
type queue struct {
	jobs    []job
	waiting []int
	playing []int
	ended   int
	// taken are the topologies that some lab has, or is bringing up.
	taken map[shape]bool
}

func newQueue(jobs []job) *queue {
	q := &queue{jobs: jobs, taken: map[shape]bool{}}
	for i := range jobs {
		q.waiting = append(q.waiting, i)
	}
	return q
}

// take gives a lab the first job whose topology it has up or no other lab has,
// so that as few labs as are needed bring a topology up. When others would be
// better for all that wait it gets the first.
func (q *queue) take(up map[shape]bool) (int, bool) {
	if len(q.waiting) == 0 {
		return 0, false
	}
	at := max(0, slices.IndexFunc(q.waiting, func(n int) bool {
		needs := q.jobs[n].shape
		return up[needs] || !q.taken[needs]
	}))
	n := q.waiting[at]
	q.waiting = slices.Delete(q.waiting, at, at+1)
	q.playing = append(q.playing, n)
	up[q.jobs[n].shape], q.taken[q.jobs[n].shape] = true, true
	return n, true
}

func (q *queue) end(n int) {
	q.playing = slices.DeleteFunc(q.playing, func(other int) bool { return other == n })
	q.ended++
}
