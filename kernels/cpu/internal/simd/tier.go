package simd

import (
	"fmt"
	"os"
)

// Tier is a set of instructions that this package has code for. A tier
// includes those below it.
type Tier uint8

const (
	Generic Tier = iota // portable Go
	AVX2                // AVX2 and FMA, 8 float32 to a vector
	AVX512              // AVX-512 F, BW, DQ and VL, 16 float32 to a vector
)

// EnvVar names the environment variable that forces a tier: generic, avx2 or
// avx512. Unset or empty means the best tier of the processor.
const EnvVar = "HOURGLASS_CPU"

var tierNames = [...]string{Generic: "generic", AVX2: "avx2", AVX512: "avx512"}

// String returns the tier's name as [EnvVar] takes it.
func (t Tier) String() string {
	if int(t) < len(tierNames) {
		return tierNames[t]
	}
	return fmt.Sprintf("Tier(%d)", uint8(t))
}

// tier is the one in use; every dispatch reads it.
var tier, _ = choose(os.Getenv(EnvVar), best)

// choose returns the tier that wish names, or limit and an error if there is
// no such tier in this program on this processor.
func choose(wish string, limit Tier) (Tier, error) {
	if wish == "" {
		return limit, nil
	}
	for t, name := range tierNames {
		if name != wish {
			continue
		}
		if Tier(t) > limit {
			return limit, fmt.Errorf("simd: %s=%s: this processor or build has no more than %v; unset %s or name a lower tier", EnvVar, wish, limit, EnvVar)
		}
		return Tier(t), nil
	}
	return limit, fmt.Errorf("simd: %s=%s is no tier; want generic, avx2 or avx512", EnvVar, wish)
}

// Active returns the tier in use. The error says that [EnvVar] asks for a tier
// that does not exist or that this processor lacks; a device reports it and
// does not start.
func Active() (Tier, error) {
	// Read again, since go test does not see what is read before it starts and
	// would repeat the cached result of another tier.
	_, err := choose(os.Getenv(EnvVar), best)
	return tier, err
}

// Best returns the highest tier that this processor and build can run.
func Best() Tier { return best }

// Force makes t the tier in use until restore is called; it is for tests that
// run every tier. It panics if t is above [Best]. No other function of this
// package may be running at either moment.
func Force(t Tier) (restore func()) {
	if t > best {
		panic(fmt.Sprintf("simd: Force(%v) above the best tier, %v", t, best))
	}
	old := tier
	tier = t
	return func() { tier = old }
}
