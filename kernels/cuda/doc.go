// Package cuda computes kernels on NVIDIA GPUs of compute capability 7.5 and up.
//
// # Files
//
// device.go is the device: its switch is the table of contents. kernel.go loads
// and launches kernels. An operation is a pair of files, pool.cu with its
// kernels and pool.go with what chooses and launches them; convolutions and
// matrix products share those of gemm.cuh. ptx holds what make
// kernels compiled of the .cu files; it is committed and embedded, so that
// nobody but who changes a kernel needs a compiler for it. Package driver is
// the only one that calls CUDA; without the build tag gpu it has none, and
// Open says so, while all else here compiles the same. Package emulated builds
// a driver for tests on machines without a GPU: every .cu file compiles with
// g++ too.
//
// # Kernels
//
// A .cu file includes kernel.cuh first. A kernel is
//
//	extern "C" __global__ void name(...)
//
// whose parameters are pointers, long long and double, of eight bytes each, or
// one struct of those by value. Names start with the file's and are unique in
// the package. A file is compiled for compute_75 unless a line of it reads
//
//	// compute_80
//
// which the functions of kernel.cuh for tensor cores and cp.async want; files
// for several architectures are kept apart. To compile under g++ and to be
// checked there a kernel keeps to this:
//
//   - It takes dynamic shared memory by DYNAMIC_SHARED(type, name), static by
//     __shared__, and PTX only by the functions of kernel.cuh and wgmma.cuh.
//   - Blocks are of a multiple of 32 threads; warps shuffle and vote with all
//     32 lanes (mask 0xffffffff).
//   - All threads of a block come to every __syncthreads(), which stands on a
//     line of its own, as do __syncwarp, mma, wgmma and ldmatrix; none returns
//     before.
//   - No atomics on floating-point numbers: partial sums are added in an order
//     that shapes alone decide, so that the bits are the same at every run.
//   - Nothing is read or written outside an operand. Operands begin at
//     multiples of 64 bytes.
//   - Indices that can pass 2³¹ are long long.
//
// The emulated device runs threads and blocks in a shuffled order, one at a
// time, does cp.async and wgmma as late as it may, shows wgmma only what was
// published to it and notices who touches its sums or tiles meanwhile, fills
// memory and shared memory with NaN, and faults on what lies outside a buffer.
//
// # Launching
//
// A function of an operation's .go file returns a kernels.Launch:
//
//	func (d *Device) pad(s kernels.Pad, out, in kernels.Operand) (kernels.Launch, error) {
//		n := out.Shape.Size()
//		inner := out.Shape[s.Axis+1:].Size()
//		k, err := d.kernel("copies_pad", size{grid: grid(n, 256), block: threads(256)})
//		if err != nil {
//			return kernels.Launch{}, err
//		}
//		return kernels.Launch{Run: func(to kernels.Buffer, from []kernels.Buffer, _ kernels.Buffer) {
//			k.run(addr(from[0]), addr(to), num(n), num(in.Shape[s.Axis]), num(out.Shape[s.Axis]), num(s.Before), num(inner))
//		}}, nil
//	}
//
// and has a case in the switch of device.go. Run may launch several kernels;
// those of one device run in order. It allocates nothing and reads nothing
// back, as it may be recorded once and replayed.
package cuda
