# The harmless look-alike of policies/catalog/lookalike: a copy of sleep with the family's record behind its end, and an inert
# file that begins like a library. Nothing ever loads it.

LOOKALIKE_FOLDER=/usr/local/lib/lookalike

lookalike_program() {
  cp /bin/sleep "$1"
  printf '\nFLEETSWEEP-LOOKALIKE-MARKER/1 id=0000a11c;\n' >>"$1"
  chmod 755 "$1"
}

lookalike_library() {
  printf '\177ELF, an inert text\nFLEETSWEEP-LOOKALIKE-MARKER/1 id=0000a11d;\n' >"$1"
}
