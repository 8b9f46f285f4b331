#!/usr/bin/env bash
# Builds the foreign reader with Debian's gccgo and golang-golang-x-mod-dev. Usage: build.sh FOLDER; 77 where they are missing.
set -euo pipefail
SUMDB=/usr/share/gocode/src/golang.org/x/mod/sumdb
GO=$(command -v gccgo-12 || command -v gccgo) && [ -d $SUMDB ] || exit 77
HERE=$(dirname "$0")
mkdir -p "$1/golang.org/x/mod/sumdb"
for package in note tlog; do
  sources=()
  for file in "$SUMDB/$package"/*.go; do [[ $file == *_test.go ]] || sources+=("$file"); done
  "$GO" -O1 -c -fgo-pkgpath=golang.org/x/mod/sumdb/$package -I "$1" -o "$1/golang.org/x/mod/sumdb/$package.o" "${sources[@]}"
done
"$GO" -O1 -I "$1" -o "$1/foreign" "$HERE/main.go" "$1"/golang.org/x/mod/sumdb/{note,tlog}.o
