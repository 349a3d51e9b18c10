package onnx

import (
	"encoding/binary"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// The messages of onnx.proto (github.com/onnx/onnx, version 1.12 of the
// standard), as far as a graph of ours fills them. Each method append… writes
// one as its fields in the order of their numbers, so that equal models are
// equal bytes.

// The standard's versions that files are written by: the operator set, and the
// form of the file that came with it.
const (
	opset     = 17
	irVersion = 8
)

// The numbers of TensorProto.DataType.
const (
	typeFloat = 1
	typeInt64 = 7
)

// The numbers of AttributeProto.AttributeType.
const (
	attributeFloat  = 1
	attributeInt    = 2
	attributeString = 3
	attributeInts   = 7
)

// attribute is a named option of an operator: float32, int, string or []int.
type attribute struct {
	name  string
	value any
}

// node is an operator applied to named values.
type node struct {
	op         string
	in         []string
	out        string
	attributes []attribute
}

// tensor is a constant.
type tensor struct {
	name   string
	dims   []int
	floats []float32
	ints   []int64 // in place of floats
}

// port is an input or output of a graph. An axis with a name has any length.
type port struct {
	name, doc string
	dims      []int
	axes      []string
}

// file is a whole model.
type file struct {
	name, doc    string
	nodes        []node
	constants    []tensor
	input        port
	output       port
	metadataKeys []string
	metadata     map[string]string
}

func appendString(b []byte, field protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), s)
}

func appendInt(b []byte, field protowire.Number, v int64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), uint64(v))
}

func appendMessage(b []byte, field protowire.Number, message []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), message)
}

// appendModel writes a ModelProto.
func appendModel(b []byte, f *file) []byte {
	b = appendInt(b, 1, irVersion)
	b = appendString(b, 2, "hourglass")
	b = appendString(b, 6, f.doc)
	b = appendMessage(b, 7, appendGraph(nil, f))
	b = appendMessage(b, 8, appendInt(appendString(nil, 1, ""), 2, opset))
	for _, key := range f.metadataKeys {
		b = appendMessage(b, 14, appendString(appendString(nil, 1, key), 2, f.metadata[key]))
	}
	return b
}

// appendGraph writes a GraphProto.
func appendGraph(b []byte, f *file) []byte {
	names := map[string]int{}
	for _, n := range f.nodes {
		b = appendMessage(b, 1, appendNode(nil, n, fmt.Sprintf("%s_%d", n.op, names[n.op])))
		names[n.op]++
	}
	b = appendString(b, 2, f.name)
	for _, t := range f.constants {
		b = appendMessage(b, 5, appendTensor(nil, t))
	}
	b = appendString(b, 10, f.doc)
	b = appendMessage(b, 11, appendPort(nil, f.input))
	return appendMessage(b, 12, appendPort(nil, f.output))
}

// appendNode writes a NodeProto.
func appendNode(b []byte, n node, name string) []byte {
	for _, in := range n.in {
		b = appendString(b, 1, in)
	}
	b = appendString(b, 2, n.out)
	b = appendString(b, 3, name)
	b = appendString(b, 4, n.op)
	for _, a := range n.attributes {
		b = appendMessage(b, 5, appendAttribute(nil, a))
	}
	return b
}

// appendAttribute writes an AttributeProto.
func appendAttribute(b []byte, a attribute) []byte {
	b = appendString(b, 1, a.name)
	switch v := a.value.(type) {
	case float32:
		b = protowire.AppendFixed32(protowire.AppendTag(b, 2, protowire.Fixed32Type), math.Float32bits(v))
		return appendInt(b, 20, attributeFloat)
	case int:
		return appendInt(appendInt(b, 3, int64(v)), 20, attributeInt)
	case string:
		return appendInt(appendString(b, 4, v), 20, attributeString)
	case []int:
		for _, i := range v {
			b = appendInt(b, 8, int64(i))
		}
		return appendInt(b, 20, attributeInts)
	}
	panic(fmt.Sprintf("onnx: attribute %s of type %T", a.name, a.value))
}

// appendTensor writes a TensorProto, its elements as raw little-endian bytes.
func appendTensor(b []byte, t tensor) []byte {
	for _, d := range t.dims {
		b = appendInt(b, 1, int64(d))
	}
	if t.ints != nil {
		raw := make([]byte, 0, 8*len(t.ints))
		for _, v := range t.ints {
			raw = binary.LittleEndian.AppendUint64(raw, uint64(v))
		}
		return appendMessage(appendString(appendInt(b, 2, typeInt64), 8, t.name), 9, raw)
	}
	raw := make([]byte, 0, 4*len(t.floats))
	for _, v := range t.floats {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return appendMessage(appendString(appendInt(b, 2, typeFloat), 8, t.name), 9, raw)
}

// appendPort writes a ValueInfoProto of a float tensor.
func appendPort(b []byte, p port) []byte {
	var shape []byte
	for i, d := range p.dims {
		if p.axes[i] != "" {
			shape = appendMessage(shape, 1, appendString(nil, 2, p.axes[i]))
		} else {
			shape = appendMessage(shape, 1, appendInt(nil, 1, int64(d)))
		}
	}
	kind := appendMessage(appendInt(nil, 1, typeFloat), 2, shape)
	b = appendMessage(appendString(b, 1, p.name), 2, appendMessage(nil, 1, kind))
	return appendString(b, 3, p.doc)
}
