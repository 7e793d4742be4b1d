//go:build race

package lab_test

// raceDetector makes everything several times slower.
const raceDetector = true
