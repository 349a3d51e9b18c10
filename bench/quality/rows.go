package main

import "context"

// row is a model of the table. Its name is that of its configuration, and of the
// folder of its run.
type row struct {
	name, about, source string
	codes               []int     // numbers of codes an image that nll_is is estimated by
	readme              []float64 // what pythae's README reports by each, as far as it does
	from                string    // the row whose run's weights it begins with
	figures             func(context.Context, *experiment) error
	quick               quick
}

// quick is the short form of a row: so many built-in images and epochs, and the
// bounds of figures. Without images it has none.
type quick struct {
	images, epochs int
	bounds         bounds
}

// bounds are the least and the most that figures may be, by their names.
type bounds map[string][2]float64

// table lists the rows.
var table = []row{
	{name: "dense", about: "dense 784-128-32", figures: reconstruction, source: "Hinton & Salakhutdinov 2006",
		quick: quick{1500, 4, bounds{"test mse": {0, 0.05}}}},
	{name: "deep", about: "deep 784-512-256-128-32", figures: reconstruction, source: "Hinton & Salakhutdinov 2006",
		quick: quick{1500, 4, bounds{"test mse": {0, 0.05}}}},
	{name: "conv-2", about: "convolutional, z = 2", figures: reconstruction, source: "Masci et al. 2011",
		quick: quick{1000, 3, bounds{"test mse": {0, 0.08}}}},
	{name: "conv-16", about: "convolutional, z = 16", figures: reconstruction, source: "Masci et al. 2011",
		quick: quick{1000, 3, bounds{"test mse": {0, 0.08}}}},
	{name: "linear-2", about: "linear, k = 2", figures: subspace, source: "Baldi & Hornik 1989: PCA's subspace",
		quick: quick{1500, 20, bounds{"test mse above PCA's, %": {-0.1, 1}}}},
	{name: "linear", about: "linear, k = 16", figures: subspace, source: "Baldi & Hornik 1989: PCA's subspace",
		quick: quick{1500, 20, bounds{"test mse above PCA's, %": {-0.1, 2}}}},
	{name: "linear-64", about: "linear, k = 64", figures: subspace, source: "Baldi & Hornik 1989: PCA's subspace"},
	{name: "stacked-classifier", about: "stacked denoising 3×1000, pretrained", figures: restoration, source: "Vincent et al. 2010"},
	{name: "stacked-labels", about: "… fine-tuned with a softmax layer", from: "stacked-classifier", figures: classification,
		source: "Theano tutorial: about 1.3%; Vincent et al. 2010: 1.28%",
		quick:  quick{1000, 4, bounds{"test error, %": {0, 50}}}},
	{name: "stacked-conv", about: "stacked convolutional, denoising", figures: restoration, source: "Masci et al. 2011",
		quick: quick{500, 3, bounds{"PSNR of restored images, dB": {12, 40}}}},
	{name: "sparse", about: "sparse, KL with ρ = 0.05", figures: activity, source: "Ng, CS294A 2011: mean activation is ρ",
		quick: quick{1500, 6, bounds{"mean activation": {0.04, 0.08}}}},
	{name: "sparse-l1", about: "sparse, L1", figures: activity, source: "Ng, CS294A 2011"},
	{name: "denoising", about: "denoising, σ = 0.5, convolutional", figures: restoration, source: "Vincent et al. 2010",
		quick: quick{1000, 3, bounds{"PSNR of restored images, dB": {11, 40}}}},
	{name: "denoising-dense", about: "denoising, σ = 0.5, dense", figures: restoration, source: "Vincent et al. 2010"},
	{name: "inpainting", about: "inpainting of 10×10 pixels", figures: restoration, source: "Vincent et al. 2010 (masking noise)",
		quick: quick{1000, 3, bounds{"PSNR of restored images, dB": {18.5, 40}}}},
	{name: "colorization", about: "colorization of drawn shapes", figures: colours, source: "data/shapes.go: hue follows form, brightness does not",
		quick: quick{500, 4, bounds{"PSNR of coloured images, dB": {12.5, 40}}}},
	{name: "contractive", about: "contractive, one layer of sigmoids", figures: contraction, source: "Rifai et al. 2011",
		quick: quick{1500, 4, bounds{"‖∂code/∂image‖²": {0.01, 0.6}, "test mse": {0, 0.075}}}},
	{name: "contractive-conv", about: "contractive, convolutional (Hutchinson)", figures: contraction, source: "Rifai et al. 2011"},
	{name: "vae", about: "VAE 784-400-20", figures: likelihood, source: "Kingma & Welling 2014",
		quick: quick{1500, 6, bounds{"ELBO, nats": {-170, -100}}}},
	{name: "beta-vae", about: "β-VAE, β = 4, convolutional, learned σ", figures: likelihood, source: "Higgins et al. 2017"},
	{name: "vae-binary-mnist", about: "VAE 784-400-40, binarised MNIST", codes: []int{200}, readme: []float64{89.78}, figures: likelihood,
		source: "pythae's reproduction 89.78 nats; 89.9 of Kingma & Welling's in Rezende & Mohamed 2015",
		quick:  quick{1500, 10, bounds{"NLL by 200 codes, nats": {100, 220}}}},
	{name: "vae-binary-mnist-norm", about: "… with batch norm, at a rate of 0.01", codes: []int{200}, readme: []float64{89.78}, figures: likelihood,
		source: "Ioffe & Szegedy 2015"},
	{name: "vae-binary-mnist-long", about: "… and GELU, weight decay, batches of 400 and all 60,000 images", codes: []int{200}, readme: []float64{89.78}, figures: likelihood,
		source: "Hendrycks & Gimpel 2016; Loshchilov & Hutter 2019"},
	{name: "vae-binary-mnist-deep", about: "VAE 784-400-400-40, likewise", codes: []int{200}, readme: []float64{89.78}, figures: likelihood,
		source: "Burda et al. 2016: two hidden layers"},
	{name: "iwae-binary-mnist", about: "IWAE of 50 codes, likewise", codes: []int{200, 5000}, figures: likelihood,
		source: "Burda et al. 2016: 87.10 nats by 5,000 codes, of two hidden layers of 200"},
	{name: "iwae-binary-mnist-short", about: "… at a rate of 0.001 that falls to 0", codes: []int{200}, figures: likelihood,
		source: "Burda et al. 2016"},
	{name: "iwae-binary-mnist-norm", about: "… with batch norm, at a rate of 0.01", codes: []int{200, 5000}, figures: likelihood,
		source: "Burda et al. 2016: 87.10 nats by 5,000 codes, of two hidden layers of 200"},
	{name: "iwae-binary-mnist-long", about: "… and GELU, weight decay, batches of 400, all 60,000 images and doubly reparameterized gradients", codes: []int{200, 5000},
		figures: likelihood, source: "Tucker et al. 2019"},
	{name: "iwae-binary-mnist-deep", about: "… of the net 784-200-200-50", codes: []int{200, 5000}, readme: []float64{0, 86.82}, figures: likelihood,
		source: "pythae's reproduction 86.82 nats by 5,000 codes; Burda et al. 2016: 87.10, and 88.71 of the VAE"},
	{name: "vqvae", about: "VQ-VAE, 7×7 codes of 128", figures: codebook, source: "van den Oord et al. 2017",
		quick: quick{600, 4, bounds{"perplexity of a batch": {3, 128}, "test mse": {0, 0.03}}}},
	{name: "wae", about: "WAE-MMD, z = 8", figures: discrepancy, source: "Tolstikhin et al. 2018",
		quick: quick{600, 4, bounds{"MMD of a batch": {-0.1, 0.3}, "test mse": {0, 0.08}}}},
	{name: "sequence-vae", about: "VAE of windows of a drawn series", figures: anomalies, source: "data/series.go: five kinds of drawn anomalies",
		quick: quick{3000, 6, bounds{"AUROC of −ELBO": {0.9, 1}}}},
	{name: "sequence-denoising", about: "denoiser of windows of a drawn series, σ = 0.1", figures: restoration, source: "Vincent et al. 2010"},
}
