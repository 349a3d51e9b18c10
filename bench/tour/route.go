package main

import "strings"

// A chapter is a part of the tour about one thing.
type chapter struct {
	title, about string
	stops        []stop
}

// route is the tour over digits of the given specification. A picture that a
// command line names is shown below it.
func route(spec string) []chapter {
	chapters := append(digits(), codebook())
	chapters = append(chapters, repairs()...)
	chapters = append(chapters, anomalyChapter(), photos(), sensor(), sound(), plane(), exports())
	for i := range chapters {
		for j := range chapters[i].stops {
			s := &chapters[i].stops[j]
			s.line = strings.ReplaceAll(s.line, "{data}", spec)
		}
	}
	return chapters
}

func digits() []chapter {
	return []chapter{
		{"What there is", "The data set, the models, and the machine.", []stop{
			{line: "hourglass data info {data} --out digits.png", seen: "The digits that most of the tour is about."},
			{line: "hourglass info", seen: "Versions, the processor and its kernels: what a bug report should hold."},
			{line: "hourglass models", seen: "Every kind of autoencoder."},
			{line: "hourglass plan --model conv --data {data} --latent 2", seen: "The program that a training step compiles to, one launch a line."},
		}},
		{"Two numbers a digit", "A convolutional autoencoder that squeezes a digit through two numbers, so that all it knows fits on a page.", []stop{
			{line: "hourglass train --model conv --data {data} --latent 2 --epochs 4 --out runs/two", seen: "Training leaves the weights, the loss curve and this picture: test images over their reconstructions."},
			{line: "hourglass manifold runs/two --out two-manifold.png", seen: "The plane of codes, decoded: neighbouring places stand for digits that look alike."},
			{line: "hourglass project runs/two --out two-map.png --table two-map.csv", seen: "The test digits at their codes, coloured by class, beside their first two principal components: the autoencoder parts the classes better."},
			{line: "hourglass project runs/two --limit 500 --out two-map.svg", seen: "The same as vectors, of fewer digits."},
			{line: "hourglass eval runs/two", seen: "What two numbers keep of a digit."},
		}},
		{"Thirty-two numbers a digit", "A code of 32 numbers keeps nearly everything.", []stop{
			{line: "hourglass train --model conv --data {data} --latent 32 --epochs 6 --schedule cosine --out runs/conv", seen: "Reconstructions are now hard to tell from the digits above them."},
			{line: "hourglass eval runs/conv --frechet --json", seen: "Every metric of the model, for programs to read."},
			{line: "hourglass encode runs/conv --out codes.npy", seen: "The codes of the test digits, as an array for NumPy."},
			{line: "hourglass encode runs/conv --limit 1000 --labels --out codes.csv", seen: "The same as a table, each line with its label."},
			{line: "hourglass decode runs/conv --codes codes.npy --out decoded.png", seen: "Digits made of codes alone."},
			{line: "hourglass encode runs/conv --limit 24 --out - | hourglass decode runs/conv --codes - --out piped.png", seen: "The same through a pipe, without a file between."},
			{line: "hourglass reconstruct runs/conv --out reconstructed.png", seen: "Digits over their reconstructions."},
			{line: "hourglass reconstruct runs/conv --limit 8 --out queries", seen: "Reconstructions as a folder of PNG files, which the search below asks for."},
			{line: "hourglass interpolate runs/conv --pairs 6 --out interpolated.png", seen: "From one digit to another along a line between their codes; the ends are the images themselves."},
			{line: "hourglass traverse runs/conv --units 0,1,2,3,4,5,6,7 --image 0 --out units.png", seen: "One unit of the code at a time, about the code of the first test digit."},
			{line: "hourglass sample runs/conv --fit --split train --limit 5000 --out conv-samples.png", seen: "Codes drawn from a Gaussian fitted to those of training digits: an ordinary autoencoder has no prior, and it shows."},
			{line: "hourglass filters runs/conv --out filters.png", seen: "The filters of the first layer: edges and blobs."},
			{line: "hourglass search runs/conv --limit 1000 --out neighbours.csv --picture neighbours.png --json", seen: "Test digits, each followed by its nearest training digits by code.", figures: neighbours("32 numbers")},
			{line: "hourglass search runs/conv --data queries --index {data} --k 8 --out found.csv --picture found.png", seen: "Pictures of one's own as queries, here those of the folder that was written above."},
			{line: "hourglass probe runs/conv --out probe.csv --json", seen: "How well a linear model tells the classes from codes, from as many principal components and from pixels.", figures: probes},
			{line: "hourglass finetune runs/conv --epochs 2 --out runs/labels", seen: "A classifier on the encoder, trained on labels from the autoencoder's weights."},
			{line: "hourglass classify runs/labels --out classes.csv", seen: "Its accuracy, and which digits it takes for which."},
		}},
		{"Compression", "Codes are rounded and entropy-coded: a file of all digits, and back.", []stop{
			{line: "hourglass compress runs/conv --bits 4 --out digits.hgz", seen: "The test digits in one file."},
			{line: "hourglass decompress runs/conv digits.hgz --out decompressed.png", seen: "The file's first digits."},
			{line: "hourglass compress runs/conv --limit 1000 --out - | hourglass decompress runs/conv - --limit 24 --out decompressed-pipe.png", seen: "Both in a pipe."},
			{line: "hourglass compress runs/conv --limit 2048 --plot rates.png --table rates.csv --json", seen: "Bits per pixel against PSNR, beside JPEG: on what it was trained on the autoencoder needs fewer bits for the same error.", figures: rates},
		}},
		{"A variational autoencoder", "Its codes follow a normal prior, so that new digits can be drawn.", []stop{
			{line: "hourglass train --model vae --data {data} --latent 20 --epochs 20 --out runs/vae", seen: "A dense VAE, 784-400-20-400-784."},
			{line: "hourglass sample runs/vae --n 64 --seed 1 --out samples.png", seen: "Digits that nobody wrote."},
			{line: "hourglass interpolate runs/vae --spherical --pairs 6 --out arcs.png", seen: "Between digits along arcs, which suits the prior."},
			{line: "hourglass interpolate runs/vae --images 0,1,1,2,2,3,3,0 --out between.gif", seen: "A film of the way between four digits and back."},
			{line: "hourglass traverse runs/vae --out vae-units.png", seen: "What each unit of the code changes about the mean, those that vary most first."},
			{line: "hourglass traverse runs/vae --units 0,1,2,3 --image 3 --out vae-units.gif", seen: "Four of them as a film, about one digit."},
			{line: "hourglass manifold runs/vae --side 15 --out vae-manifold.png", seen: "The plane of the codes' two principal components."},
			{line: "hourglass eval runs/vae --samples 50 --limit 1000 --frechet", seen: "The bound, its parts, the log-likelihood by importance sampling, and distances between distributions."},
		}},
	}
}

func codebook() chapter {
	return chapter{"A codebook", "A VQ-VAE: each place of a grid holds one of 128 codes, so that a digit is a few dozen small whole numbers.", []stop{
		{line: "hourglass train --model vqvae --data {data} --limit 10000 --epochs 4 --out runs/vqvae", seen: "The codes are learned with the network."},
		{line: "hourglass eval runs/vqvae", seen: "The perplexity tells how many of the codes are in use."},
		{line: "hourglass reconstruct runs/vqvae --out vqvae-reconstructed.png", seen: "Digits over what their grids of codes decode to."},
		{line: "hourglass compress runs/vqvae --out vqvae.hgz", seen: "Entries of a codebook need no rounding."},
		{line: "hourglass decompress runs/vqvae vqvae.hgz --out vqvae-decompressed.png", seen: "The file's first digits."},
	}}
}

func repairs() []chapter {
	return []chapter{
		{"Noise", "A convolutional autoencoder that learned to undo noise.", []stop{
			{line: "hourglass train --model conv --data {data} --latent 32 --denoise gaussian:0.4 --epochs 4 --out runs/denoising", seen: "Each training image has its own noise in each epoch; the loss compares with the clean one."},
			{line: "hourglass denoise runs/denoising --out denoised.png", seen: "Clean digits, noisy ones, and what the network makes of those."},
			{line: "hourglass denoise runs/denoising --corrupt saltpepper:0.3 --out denoised-other.png", seen: "Noise of another kind than it was trained on."},
			{line: "hourglass denoise runs/denoising --data files/scans --clean files/clean --out restored", seen: "A folder of noisy PNG files, to a folder of clean ones."},
		}},
		{"Missing parts", "An autoencoder that learned to fill in what is missing.", []stop{
			{line: "hourglass train --model inpainting --data {data} --latent 32 --epochs 4 --out runs/inpainting", seen: "Trained with squares taken out."},
			{line: "hourglass inpaint runs/inpainting --out inpainted.png", seen: "Squares filled in; the other pixels stay as they are."},
			{line: "hourglass inpaint runs/inpainting --mask half:right --out halves.png", seen: "Half of the image, from the other half."},
			{line: "hourglass inpaint runs/inpainting --data files/clean --mask files/scratch.png --out unscratched.png", seen: "PNG files with a scratch that a mask names."},
		}},
		{"Colours", "Grey images of coloured figures, whose forms tell their colours.", []stop{
			{line: "hourglass data info shapes --out shapes.png", seen: "The built-in coloured shapes."},
			{line: "hourglass train --model colorization --data shapes --latent 128 --epochs 12 --out runs/colours", seen: "Grey in, colours out."},
			{line: "hourglass colorize runs/colours --out coloured.png", seen: "The scenes, what the network sees, and its colours, with the brightness of what it sees."},
			{line: "hourglass colorize runs/colours --limit 12 --out coloured", seen: "The same as PNG files."},
		}},
	}
}

func anomalyChapter() chapter {
	return chapter{"Anomalies", "A model of one digit alone does badly on all others, and its error tells them.", []stop{
		{line: "hourglass train --model conv --data npy:files/threes.npy --latent 32 --batch 64 --epochs 10 --out runs/threes", seen: "Trained on threes alone."},
		{line: "hourglass anomaly fit runs/threes --quantile 0.95 --out detector.json", seen: "The threshold: the error that 95 % of the threes do not exceed."},
		{line: "hourglass anomaly score runs/threes --detector detector.json --data {data} --normal 3 --out scores.csv --heatmaps heatmaps.png --histogram scores.png --roc roc.png --pr pr.png",
			seen: "All test digits, scored: the errors of the worst by pixel, the distribution of scores with the threshold, and the curves over all thresholds."},
		{line: "hourglass anomaly fit runs/threes --score mahalanobis --out detector-codes.json", seen: "Another score: how far a code lies from those of threes."},
		{line: "hourglass anomaly score runs/threes --detector detector-codes.json --data {data} --normal 3 --out scores-codes.csv", seen: "Which score suits this task better, AUROC tells."},
		{line: "hourglass anomaly table --data {data} --latent 32 --out auroc.csv --json --quiet", seen: "Each digit in turn as the normal one.", figures: anomalies},
	}}
}

func photos() chapter {
	return chapter{"A folder of photographs", "Coloured PNG files of 32×32 pixels in folders of their classes, the whole way.", []stop{
		{line: "hourglass data info images:files/photos --out photos.png", seen: "What is in the folder: files/photos/train/ring/00000.png and so on."},
		{line: "hourglass train --model conv --data images:files/photos --latent 96 --epochs 30 --out runs/photos", seen: "A network for the images' size and colours."},
		{line: "hourglass reconstruct runs/photos --out photos-reconstructed.png", seen: "Photographs over their reconstructions."},
		{line: "hourglass encode runs/photos --labels --out photos.npz", seen: "Codes and labels, for NumPy."},
		{line: "hourglass search runs/photos --k 8 --out photos-neighbours.csv --picture photos-neighbours.png", seen: "Photographs like each of the first."},
		{line: "hourglass probe runs/photos", seen: "What a linear model makes of the codes."},
		{line: "hourglass anomaly fit runs/photos --out photos-detector.json", seen: "The threshold of reconstruction errors."},
		{line: "hourglass anomaly score runs/photos --detector photos-detector.json --out photos-scores.csv --heatmaps photos-heatmaps.png --histogram photos-scores.svg", seen: "The photographs that are least like the rest."},
		{line: "hourglass compress runs/photos --plot photos-rates.png", seen: "Colours at few bits, beside JPEG."},
		{line: "hourglass export runs/photos --format onnx,safetensors --out exported/photos", seen: "For ONNX Runtime and PyTorch."},
	}}
}

func sensor() chapter {
	const spec = "csv:files/sensor-train.csv,window=128,stride=8,skip=time,label=fault,test=files/sensor-test.csv"
	return chapter{"A sensor's readings", "A CSV file of one reading a line, cut into windows. The training file is of a sound machine; that of the test has faults, which are marked.", []stop{
		{line: "hourglass data info " + spec + " --split train --out sensor.png", seen: "Windows of 128 steps."},
		{line: "hourglass train --model sequence --data " + spec + " --latent 16 --epochs 20 --out runs/sensor", seen: "Convolutions along time."},
		{line: "hourglass reconstruct runs/sensor --limit 8 --out sensor-reconstructed.png", seen: "Test windows in grey, reconstructions before them."},
		{line: "hourglass encode runs/sensor --out sensor-codes.csv", seen: "The code of each window."},
		{line: "hourglass search runs/sensor --k 5 --limit 100 --out sensor-neighbours.csv --picture sensor-neighbours.png", seen: "Windows like each of the first."},
		{line: "hourglass anomaly fit runs/sensor --out sensor-detector.json", seen: "The error that 99 % of the sound windows do not exceed."},
		{line: "hourglass anomaly score runs/sensor --detector sensor-detector.json --normal 0 --out sensor-scores.csv --heatmaps sensor-heatmaps.png --histogram sensor-scores.png --roc sensor-roc.png",
			seen: "Faults against sound windows of the test file."},
		{line: "hourglass train --model sequence --data " + spec + " --latent 16 --denoise gaussian:0.1 --epochs 20 --out runs/sensor-denoising", seen: "The same, to undo noise."},
		{line: "hourglass denoise runs/sensor-denoising --corrupt gaussian:0.1 --out sensor-denoised.png", seen: "Sound readings, with noise, and without it again."},
		{line: "hourglass export runs/sensor --format onnx,npz --out exported/sensor", seen: "For ONNX Runtime and NumPy."},
	}}
}

func sound() chapter {
	const spec = "wav:files/tune.wav,window=256,stride=128"
	return chapter{"A recording", "A WAV file of a tune, cut into windows, and another with noise that is to go.", []stop{
		{line: "hourglass data info " + spec + " --out sound.png", seen: "Windows of 32 milliseconds."},
		{line: "hourglass train --model sequence --data " + spec + " --latent 64 --denoise gaussian:0.05 --epochs 10 --batch 64 --out runs/sound", seen: "Convolutions along time that learn to undo noise."},
		{line: "hourglass denoise runs/sound --data files/noisy.wav --clean files/clean.wav --out denoised.wav", seen: "A tune that was not trained on, without its noise, as one sound: windows fade into each other."},
		{line: "hourglass denoise runs/sound --out sound-denoised.png", seen: "Windows, with noise, and without it again."},
	}}
}

func plane() chapter {
	return chapter{"Points of the plane", "A table of two columns, points about two rings. The reconstruction of an autoencoder that learned to undo noise moves a point to where points are dense (Alain and Bengio, 2014).", []stop{
		{line: "hourglass train --model dense --data csv:files/rings.csv --hidden 128,128 --latent 16 --denoise gaussian:0.03 --epochs 40 --batch 32 --out runs/rings", seen: "A dense network on points."},
		{line: "hourglass field runs/rings --out field.png --table field.csv", seen: "Arrows from places to what the network makes of them."},
		{line: "hourglass field runs/rings --out field.svg --side 17", seen: "The same as vectors, coarser."},
	}}
}

func exports() chapter {
	return chapter{"To other programs and back", "The weights for PyTorch, ONNX Runtime and NumPy, with a card that tells how to load them.", []stop{
		{line: "hourglass export runs/conv --format safetensors,onnx,npz --out exported/conv", seen: "The convolutional autoencoder in all formats."},
		{line: "hourglass export runs/vae --format onnx,safetensors --out exported/vae", seen: "The variational one: the encoder gives the mean and the log-variance."},
		{line: "hourglass import --model runs/conv --weights exported/conv/model.safetensors --out runs/imported", seen: "Weights in the form of PyTorch's state_dict, as a run again."},
		{line: "hourglass eval runs/imported", seen: "The same numbers as those of the run they came from."},
		{line: "hourglass export runs/imported --format npz --out exported/again", seen: "And out again."},
	}}
}
