package main

// The wire protocol: JSON-RPC 2.0 on stdin and stdout, one message a line. No library, no cache.

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"
)

const protocolVersion = 1

// failure ends an operation without a result; the code is one of the protocol's.
type failure struct {
	code    int
	message string
	kind    string // of a refusal, code 1: the error's name and fields in your implementation
	payload map[string]any
}

func (f *failure) Error() string { return f.message }

func refused(kind, message string) *failure {
	return &failure{code: 1, message: message, kind: kind, payload: map[string]any{}}
}

func unknownCache(name string) *failure {
	return &failure{code: 2, message: fmt.Sprintf("no cache is called %q", name)}
}

func invalid(format string, values ...any) *failure {
	return &failure{code: -32602, message: fmt.Sprintf(format, values...)}
}

// tensor as it travels: MLX's dtype name, the shape, little-endian bytes in row-major order.
type tensor struct {
	dtype string
	shape []int
	bytes []byte
}

var widths = map[string]int{
	"bool": 1, "uint8": 1, "int8": 1, "uint16": 2, "int16": 2, "float16": 2, "bfloat16": 2,
	"uint32": 4, "int32": 4, "float32": 4, "uint64": 8, "int64": 8, "float64": 8,
}

// rows are left padding or lengths, which travel as int32 tensors.
func rows(values []int32) *tensor {
	made := &tensor{dtype: "int32", shape: []int{len(values)}}
	for _, value := range values {
		for shift := 0; shift < 32; shift += 8 {
			made.bytes = append(made.bytes, byte(uint32(value)>>shift))
		}
	}
	return made
}

func toWire(t *tensor) any {
	if t == nil {
		return nil
	}
	return map[string]any{"dtype": t.dtype, "shape": t.shape, "data": hex.EncodeToString(t.bytes)}
}

func fromWire(value any) (*tensor, error) {
	fields, ok := value.(map[string]any)
	if !ok {
		return nil, invalid("not a tensor: it is an object with dtype, shape and data")
	}
	dtype, isName := fields["dtype"].(string)
	sizes, isList := fields["shape"].([]any)
	data, isText := fields["data"].(string)
	width, known := widths[dtype]
	if !isName || !isList || !isText || !known {
		return nil, invalid(`not a tensor: it is {"dtype": name, "shape": [sizes], "data": hex}`)
	}
	count := int64(width)
	shape := make([]int, 0, len(sizes))
	for _, size := range sizes {
		n, err := integer("a size", size)
		if err != nil || n < 0 || n > math.MaxInt32 || n > 0 && count > math.MaxInt64/n {
			return nil, invalid("not a tensor: a size is out of range")
		}
		count *= n
		shape = append(shape, int(n))
	}
	raw, err := hex.DecodeString(data)
	if err != nil || data != strings.ToLower(data) {
		return nil, invalid("not a tensor: data is not pairs of lower-case hex digits")
	}
	if int64(len(raw)) != count {
		return nil, invalid("not a tensor: data does not have the bytes of its dtype and shape")
	}
	return &tensor{dtype, shape, raw}, nil
}

// integer of 64 bits; one beyond is the implementation's refusal here.
func integer(name string, value any) (int64, error) {
	number, ok := value.(json.Number)
	if !ok || strings.ContainsAny(number.String(), ".eE") {
		return 0, invalid("%s must be an integer", name)
	}
	n, err := number.Int64()
	if err != nil {
		return 0, refused("OutOfRange", fmt.Sprintf("%s does not fit: %s", name, number))
	}
	return n, nil
}

// arguments of one operation; whatever is missing or of another type is a bad request.
type arguments map[string]any

func (a arguments) at(name string) (any, error) {
	value, ok := a[name]
	if !ok {
		return nil, invalid("%s is missing", name)
	}
	return value, nil
}

func (a arguments) text(name string) (string, error) {
	value, ok := a[name].(string)
	if !ok {
		return "", invalid("%s must be a string", name)
	}
	return value, nil
}

func (a arguments) integer(name string) (int64, error) {
	value, err := a.at(name)
	if err != nil {
		return 0, err
	}
	return integer(name, value)
}

// rows of int32; nil for null and for a missing argument.
func (a arguments) rows(name string) ([]int32, error) {
	if a[name] == nil {
		return nil, nil
	}
	items, ok := a[name].([]any)
	if !ok {
		return nil, invalid("%s must be a list", name)
	}
	var found []int32
	for _, item := range items {
		n, err := integer(name, item)
		if err != nil {
			return nil, err
		}
		if n < math.MinInt32 || n > math.MaxInt32 {
			return nil, refused("OutOfRange", fmt.Sprintf("%s does not fit: %d", name, n))
		}
		found = append(found, int32(n))
	}
	return found, nil
}

// index of a slot: one beyond 64 bits is behind the end of every cache.
func (a arguments) index(name string) (int64, error) {
	if number, ok := a[name].(json.Number); ok {
		if _, err := strconv.ParseUint(number.String(), 10, 64); err == nil {
			if n, err := number.Int64(); err == nil {
				return n, nil
			}
			return math.MaxInt64, nil
		}
	}
	return a.integer(name)
}

// slot is a tensor, or nil for null.
func (a arguments) slot(name string) (*tensor, error) {
	value, err := a.at(name)
	if err != nil || value == nil {
		return nil, err
	}
	return fromWire(value)
}

type operation func(arguments) (any, error)

// server is who answers, and the operations that it implements: the handshake declares these.
type server struct {
	name, version, dialect string
	operations             map[string]operation
	reset                  func()
}

// serve answers until `shutdown` or the end of input. Write nothing else to stdout; stderr is free.
func (s *server) serve() {
	answers := os.Stdout
	os.Stdout = os.Stderr // what a library prints is no answer
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			return
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		reply, last := s.line(line)
		if _, err := answers.Write(append(reply, '\n')); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if last {
			return
		}
	}
}

// line answers one line. Each answer is text at once: a later request of a list is not in it.
func (s *server) line(line []byte) (reply []byte, last bool) {
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.UseNumber() // integers stay whole beyond 2^53
	var message any
	if err := decoder.Decode(&message); err != nil || !utf8.Valid(line) {
		return encode(nil, nil, &failure{code: -32700, message: fmt.Sprintf("not JSON: %v", err)}), false
	}
	requests, several := message.([]any)
	if !several {
		return s.answer(message)
	}
	replies := make([][]byte, 0, len(requests))
	for _, request := range requests {
		reply, ends := s.answer(request)
		replies = append(replies, reply)
		last = last || ends
	}
	return append(append([]byte("["), bytes.Join(replies, []byte(","))...), ']'), last
}

func (s *server) answer(request any) (reply []byte, last bool) {
	fields, _ := request.(map[string]any)
	method, ok := fields["method"].(string)
	params, isObject := fields["params"].(map[string]any)
	if !ok || !isObject && fields["params"] != nil {
		return encode(fields["id"], nil, invalid("not a JSON-RPC request")), false
	}
	result, err := s.perform(method, params)
	return encode(fields["id"], result, err), method == "shutdown"
}

func (s *server) perform(method string, params arguments) (any, error) {
	switch method {
	case "initialize":
		if given, ok := params["protocol"]; ok && given != json.Number(fmt.Sprint(protocolVersion)) {
			return nil, invalid("protocol must be %d", protocolVersion)
		}
		names := make([]string, 0, len(s.operations))
		for name := range s.operations {
			names = append(names, name)
		}
		sort.Strings(names)
		who := map[string]any{"name": s.name, "version": s.version, "language": "go"}
		return map[string]any{"protocol": protocolVersion, "implementation": who,
			"dialect": s.dialect, "capabilities": names}, nil
	case "reset":
		s.reset()
		return nil, nil
	case "shutdown":
		return nil, nil
	}
	perform, ok := s.operations[method]
	if !ok {
		return nil, &failure{code: -32601, message: "no " + method}
	}
	return perform(params)
}

// encode gives an answer as text. An error of yours is a refusal by its Go type; give it a name.
func encode(id, result any, err error) []byte {
	reply := map[string]any{"jsonrpc": "2.0", "id": id}
	if err == nil {
		reply["result"] = result
	} else {
		f, ok := err.(*failure)
		if !ok {
			f = refused(fmt.Sprintf("%T", err), err.Error())
		}
		said := map[string]any{"code": f.code, "message": f.message}
		if f.code == 1 {
			said["data"] = map[string]any{"kind": f.kind, "payload": f.payload}
		}
		reply["error"] = said
	}
	text, failed := json.Marshal(reply)
	if failed != nil {
		return encode(id, nil, &failure{code: -32603, message: failed.Error()})
	}
	return text
}
