package cuda

import (
	"fmt"

	"hourglass/kernels"
	"hourglass/kernels/cuda/driver"
)

// Options configures a device. The zero value is the first device, with
// products of TF32.
type Options struct {
	Index     int // of the device among the machine's
	Precision Precision
}

// Device is a GPU. It implements kernels.Device and kernels.Recorder. Copies
// and launches run in order, but later than the calls that ask for them: Sync
// and Download wait.
type Device struct {
	name      string
	info      driver.Info
	precision Precision
	ctx       *driver.Context
	modules   map[string]*driver.Module
	staging   staging
	recorded  []*driver.Graph
	launches  int
	slots     [512]uint64 // of the launch at hand
	err       error       // the first failure
	onlyTile  string      // tests name the tile of products that can have it
}

// New returns a device that is ready to be used.
func New(o Options) (*Device, error) {
	all, err := driver.Devices()
	if err != nil {
		return nil, fmt.Errorf("cuda: %w", err)
	}
	if o.Index < 0 || o.Index >= len(all) {
		return nil, fmt.Errorf("cuda:%d: there is no such device; this machine has %d, from cuda:0 on", o.Index, len(all))
	}
	d := &Device{name: fmt.Sprintf("cuda:%d", o.Index), info: all[o.Index], precision: o.Precision, modules: map[string]*driver.Module{}}
	if err := Usable(d.info); err != nil {
		return nil, fmt.Errorf("%s: %w", d.name, err)
	}
	if o.Precision == BF16 && d.info.Capability < tensorCapability {
		return nil, fmt.Errorf("%s: the %s has compute capability %.1f, bf16 wants at least %.1f", d.name, d.info.Name, float64(d.info.Capability)/10, float64(tensorCapability)/10)
	}
	if d.ctx, err = driver.Open(o.Index); err != nil {
		return nil, fmt.Errorf("%s: %w", d.name, err)
	}
	if err := d.staging.open(d.ctx); err != nil {
		d.ctx.Close()
		return nil, fmt.Errorf("%s: %w", d.name, err)
	}
	return d, nil
}

// Usable returns an error that says why a device cannot be used, or nil.
func Usable(i driver.Info) error {
	if i.Capability < leastCapability {
		return fmt.Errorf("the %s has compute capability %.1f, at least %.1f is needed", i.Name, float64(i.Capability)/10, float64(leastCapability)/10)
	}
	return nil
}

const (
	leastCapability  = 75 // of the kernels on CUDA cores
	tensorCapability = 80 // of TF32, bf16 and cp.async
	wgmmaCapability  = 90 // of wgmma, which no other has
)

// Name returns "cuda:0" for the first device.
func (d *Device) Name() string { return d.name }

// Info describes the device.
func (d *Device) Info() driver.Info { return d.info }

// Precision returns what the options asked for.
func (d *Device) Precision() Precision { return d.precision }

// tensorCores reports whether products run on tensor cores: not with Float32,
// and not on cards that have none for TF32.
func (d *Device) tensorCores() bool { return d.multiplies() != Float32 }

// MultipliesPadding returns true: convolutions by tiles do, as cuDNN's. An
// infinite weight gives NaN at an image's border.
func (d *Device) MultipliesPadding() bool { return true }

// fail keeps the first failure.
func (d *Device) fail(err error) {
	if d.err == nil {
		d.err = fmt.Errorf("%s: %w", d.name, err)
	}
}

// Prepare returns the launch for s.
func (d *Device) Prepare(s kernels.Spec, out kernels.Operand, in ...kernels.Operand) (kernels.Launch, error) {
	return d.plan(s, out, in)
}

// plan returns the launch for s. This switch is the table of contents of the
// package.
func (d *Device) plan(s kernels.Spec, out kernels.Operand, in []kernels.Operand) (kernels.Launch, error) {
	switch s := s.(type) {
	case kernels.Conv2D:
		return d.conv2D(s, out, in)
	case kernels.Conv2DInputGrad:
		return d.conv2DInputGrad(s, out, in)
	case kernels.Conv2DFilterGrad:
		return d.conv2DFilterGrad(s, out, in)
	case kernels.MatMul:
		return d.matMul(s, out, in)
	case kernels.Elementwise:
		return d.elementwise(s.Code(), out, in)
	case kernels.Broadcast:
		return d.elementwise(kernels.CodeOf(1, kernels.Instr{Fn: kernels.Copy}), out, in)
	case kernels.Sum:
		return d.reduce(sums, s.Axes, false, in[0])
	case kernels.SumProduct:
		return d.sumProduct(s, in)
	case kernels.Mean:
		return d.reduce(sums, s.Axes, true, in[0])
	case kernels.Moments:
		return d.reduce(moments, s.Axes, false, in[0])
	case kernels.LogSumExp:
		return d.reduce(logSumExps, s.Axes, false, in[0])
	case kernels.OneHotMax:
		return d.oneHotMax(in[0])
	case kernels.Optimizer:
		return d.optimizer(s, out)
	case kernels.ClipByGlobalNorm:
		return d.clip(s, in[0])
	case kernels.EMA:
		return d.average(out, out.Shape.Size(), s.Decay, 1-s.Decay, 0)
	case kernels.RunningStats:
		return d.runningStats(s, out)
	case kernels.Noise:
		return d.noise(s, out)
	case kernels.Gather:
		return d.gather(s, out, in)
	case kernels.Scatter:
		return d.scatter(out, in)
	case kernels.Cast:
		return d.cast(out, in[0])
	case kernels.Reshape:
		return d.reshape(in[0])
	case kernels.Transpose:
		return d.transpose(s, out, in[0])
	case kernels.Concat:
		return d.concat(s, out, in)
	case kernels.Slice:
		return d.slice(s, out, in[0])
	case kernels.Pad:
		return d.pad(s, out, in[0])
	case kernels.MaxPool2D:
		g, err := s.Geometry(shapes(in)...)
		return d.pool("pool_max", false, out, in, g, err)
	case kernels.MaxPool2DGrad:
		g, err := s.Geometry(shapes(in)...)
		return d.pool("pool_max_grad", false, out, in, g, err)
	case kernels.MaxPool2DSelect:
		g, err := s.Geometry(shapes(in)...)
		return d.pool("pool_max_select", false, out, in, g, err)
	case kernels.AvgPool2D:
		g, err := s.Geometry(shapes(in)...)
		return d.pool("pool_avg", s.CountPad, out, in, g, err)
	case kernels.AvgPool2DGrad:
		g, err := s.Geometry(shapes(in)...)
		return d.pool("pool_avg_grad", s.CountPad, out, in, g, err)
	case kernels.Upsample2D:
		return d.upsample("upsample", s.Scale, s.Mode, in[0].Shape, out)
	case kernels.Upsample2DGrad:
		return d.upsample("upsample_grad", s.Scale, s.Mode, out.Shape, out)
	default:
		return kernels.Launch{}, fmt.Errorf("%s: %s of %v from %v: %w", d.name, s.Name(), out, in, kernels.ErrUnsupported)
	}
}

// unsupported returns the error for an operand of a type that there is no kernel
// for.
func (d *Device) unsupported(o kernels.Operand) error {
	return fmt.Errorf("%s: operands of type %v: %w", d.name, o.DType, kernels.ErrUnsupported)
}

// Sync waits for all work and returns the first failure.
func (d *Device) Sync() error {
	if err := d.ctx.Sync(); err != nil {
		d.fail(err)
	} else {
		d.staging.idle()
	}
	return d.err
}

// Record keeps the launches that work makes, in place of running them, and
// returns what runs them all as one.
func (d *Device) Record(work func()) (replay func(), err error) {
	if d.err != nil {
		return nil, d.err
	}
	if err := d.ctx.BeginCapture(); err != nil {
		return nil, fmt.Errorf("%s: %w", d.name, err)
	}
	work()
	g, err := d.ctx.EndCapture()
	if err == nil {
		err = d.err
	} else {
		err = fmt.Errorf("%s: %w", d.name, err)
	}
	if err != nil {
		return nil, err
	}
	d.recorded = append(d.recorded, g)
	return func() {
		if err := d.ctx.Replay(g); err != nil {
			d.fail(err)
		}
	}, nil
}

// Close frees the device's buffers and gives it back.
func (d *Device) Close() error {
	if d.ctx == nil {
		return nil
	}
	d.ctx.Sync() // its failure is told by Sync; here all is thrown away
	for _, g := range d.recorded {
		g.Close()
	}
	d.staging.close(d.ctx)
	err := d.ctx.Close()
	d.ctx = nil
	return err
}
