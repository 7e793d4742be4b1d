package scenarios

// ExpectedAt returns what the step at an index has to prove. Connect opens the way
// for the first echo; a restart of ICE that must fail, and the silence at the end of
// a path that died, prove that there is none. Other steps prove nothing.
func (s Scenario) ExpectedAt(step int) Expect {
	switch at := s.Steps[step]; {
	case at.Echo != nil:
		return at.Echo.expected(s.Expect)
	case at.Connect != nil:
		for _, later := range s.Steps[step:] {
			if later.Echo != nil {
				return later.Echo.expected(s.Expect)
			}
		}
		return s.Expect
	case at.RestartICE != nil && at.RestartICE.Path == PathNone,
		at.NoEcho != nil && s.Expect.Path == PathNone:
		return Expect{Path: PathNone}
	}
	return Expect{}
}

// expected is what e has to prove in a scenario that expects last of its last
// echo.
func (e Echo) expected(last Expect) Expect {
	own := Expect{Path: e.Path, Transport: e.Transport}
	if own.Path == "" {
		own.Path = last.Path
	}
	if own.Transport == "" && own.Path == last.Path {
		own.Transport = last.Transport
	}
	return own
}

// Moves returns the step that takes a peer to another LAN; nil if there is none.
func (s Scenario) Moves() *Move {
	for _, step := range s.Steps {
		if step.Move != nil {
			return step.Move
		}
	}
	return nil
}
