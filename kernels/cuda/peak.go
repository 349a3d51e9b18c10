package cuda

import (
	"fmt"

	"hourglass/kernels/cuda/driver"
)

// Describe names the card, the driver and the highest clocks, for reports.
func (d *Device) Describe() (string, error) {
	v, err := driver.Version()
	if err != nil {
		return "", fmt.Errorf("%s: %w", d.name, err)
	}
	return fmt.Sprintf("%s, %s, driver for CUDA %d.%d, %d MHz, memory %d MHz",
		d.info.Name, Bytes(d.info.Memory), v/1000, v%1000/10, d.info.Clock/1000, d.info.MemoryClock/1000), nil
}

// perClock is how many floating-point operations a multiprocessor does in a
// clock, a multiply-add counting as two, by the tables of NVIDIA's architecture
// white papers (Turing, Ampere, Ada, Hopper): dense products with sums of
// float32, on CUDA cores and on tensor cores in TF32 and bfloat16.
var perClock = []struct{ capability, f32, tf32, bf16 int }{
	{75, 128, 0, 0},
	{80, 128, 1024, 2048},
	{86, 256, 256, 512},
	{89, 256, 256, 512},
	{90, 256, 2048, 4096},
}

// Peak returns the operations a second that the device's products could do at
// its highest clock; that of the newest card known for one that is newer.
func (d *Device) Peak() float64 {
	row := perClock[0]
	for _, r := range perClock {
		if r.capability <= d.info.Capability {
			row = r
		}
	}
	rate := row.f32
	if d.tensorCores() {
		rate = map[Precision]int{TF32: row.tf32, BF16: row.bf16}[d.precision]
	}
	return float64(rate) * float64(d.info.Multiprocessors) * float64(d.info.Clock) * 1e3
}
