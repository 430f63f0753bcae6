// Hands the requests on stdin to receiver.go and says what came of each: see languages.ts.
package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
)

func size(inbox *sync.Map) (count int) {
	inbox.Range(func(_, _ any) bool { count++; return true })
	return count
}

func main() {
	var inbox sync.Map
	input, _ := io.ReadAll(os.Stdin)
	for _, line := range strings.Split(strings.TrimRight(string(input), "\n"), "\n") {
		var fields [][]byte
		for _, text := range strings.Split(line, "\t") {
			field, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				panic(err)
			}
			fields = append(fields, field)
		}
		body := fields[2]
		request := httptest.NewRequest("POST", "/hooks", bytes.NewReader(body))
		for rest := fields[3:]; len(rest) > 0; rest = rest[2:] {
			request.Header.Set(string(rest[0]), string(rest[1]))
		}
		plain := PlainValid(string(fields[0]), request.Header, body)
		before := size(&inbox)
		answer := httptest.NewRecorder()
		Receiver(string(fields[1]), &inbox)(answer, request)
		fmt.Println(plain, answer.Code, size(&inbox) > before)
	}
}
