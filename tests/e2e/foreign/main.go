// A foreign reader of our log: Go's own sumdb packages fetch checkpoint, tiles and entries over HTTP
// and prove every entry, and a tlog-proof file if one is given. Not ours: that is its point.
//
// Usage: foreign TILES_URL TOKEN_FILE LOG_VKEY [PROOF ENTRY_INDEX]
package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io/ioutil"
	"net/http"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func must(err error) {
	if err != nil {
		fmt.Println("foreign:", err)
		os.Exit(1)
	}
}

type reader struct{ url, token string }

func (r reader) fetch(path string) ([]byte, error) {
	request, err := http.NewRequest("GET", r.url+"/"+path, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+r.token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := ioutil.ReadAll(response.Body)
	if err == nil && response.StatusCode != 200 {
		err = fmt.Errorf("%s: %s", path, response.Status)
	}
	return body, err
}

// sumdb's paths name the height, tlog-tiles does not: it is always 8.
func path(tile tlog.Tile) string {
	return strings.Replace(strings.Replace(tile.Path(), "tile/8/data/", "tile/entries/", 1), "tile/8/", "tile/", 1)
}

func (r reader) Height() int                              { return 8 }
func (r reader) SaveTiles(tiles []tlog.Tile, data [][]byte) {}
func (r reader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		data, err := r.fetch(path(tile))
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

// The body of a checkpoint: origin, size, root.
func tree(text, origin string) tlog.Tree {
	lines := strings.Split(text, "\n")
	if len(lines) < 3 || lines[0] != origin {
		must(fmt.Errorf("not a checkpoint of %s: %q", origin, text))
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err)
	hash, err := tlog.ParseHash(lines[2])
	must(err)
	return tlog.Tree{N: size, Hash: hash}
}

func main() {
	token, err := ioutil.ReadFile(os.Args[2])
	must(err)
	log := reader{os.Args[1], strings.TrimSpace(string(token))}
	key, err := note.NewVerifier(os.Args[3])
	must(err)
	open := func(text []byte) tlog.Tree {
		opened, err := note.Open(text, note.VerifierList(key))
		must(err)
		return tree(opened.Text, key.Name())
	}

	checkpoint, err := log.fetch("checkpoint")
	must(err)
	head := open(checkpoint)
	hashes := tlog.TileHashReader(head, log)
	var entries [][]byte
	for n := int64(0); n*256 < head.N; n++ {
		width := head.N - n*256
		if width > 256 {
			width = 256
		}
		bundle, err := log.fetch(path(tlog.Tile{H: 8, L: -1, N: n, W: int(width)}))
		must(err)
		for len(bundle) >= 2 {
			length := int(bundle[0])<<8 | int(bundle[1])
			entries = append(entries, bundle[2:2+length])
			bundle = bundle[2+length:]
		}
	}
	if int64(len(entries)) != head.N {
		must(fmt.Errorf("%d entries in bundles, %d in the checkpoint", len(entries), head.N))
	}
	for i, entry := range entries {
		proof, err := tlog.ProveRecord(head.N, int64(i), hashes)
		must(err)
		must(tlog.CheckRecord(proof, head.N, head.Hash, int64(i), tlog.RecordHash(entry)))
	}
	fmt.Printf("%d entries proven\n", len(entries))
	if len(os.Args) < 6 {
		return
	}

	file, err := ioutil.ReadFile(os.Args[4])
	must(err)
	parts := bytes.SplitN(file, []byte("\n\n"), 2)
	lines := strings.Split(string(parts[0]), "\n")
	if lines[0] != "c2sp.org/tlog-proof@v1" || lines[1] != "index "+os.Args[5] {
		must(fmt.Errorf("not the tlog-proof of entry %s: %q", os.Args[5], lines[:2]))
	}
	index, err := strconv.ParseInt(os.Args[5], 10, 64)
	must(err)
	var proof tlog.RecordProof
	for _, line := range lines[2:] {
		hash, err := base64.StdEncoding.DecodeString(line)
		must(err)
		var one tlog.Hash
		copy(one[:], hash)
		proof = append(proof, one)
	}
	then := open(parts[1])
	must(tlog.CheckRecord(proof, then.N, then.Hash, index, tlog.RecordHash(entries[index])))
	fmt.Printf("tlog-proof of entry %d of %d holds\n", index, then.N)
}
