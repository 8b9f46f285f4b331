// Linked into programs that filter their own system calls. The leak checker of a sanitizer build
// attaches to the process as a tracer when it ends; the filter kills that tracer, and the process
// would wait for it for ever.

#ifdef FS_SANITIZED
extern "C" const char* __asan_default_options() {
  return "detect_leaks=0";
}
#endif
