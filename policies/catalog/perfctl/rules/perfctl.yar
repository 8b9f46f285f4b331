/*
 * SPDX-License-Identifier: Apache-2.0
 * Copyright The Fleetsweep Authors
 *
 * perfctl, from what analyses have published: see README.md.
 */
rule Perfctl_Files
{
    meta:
        description = "A program or library that knows perfctl's own places"
        author = "The Fleetsweep Authors"
        date = "2026-11-26"
        license = "Apache-2.0"
        reference = "Aqua 2024-10; ExaTrack 2024-12"
    strings:
        $d1 = "/tmp/.xdiag"
        $d2 = "/tmp/.perf.c"
        $d3 = "/tmp/.apid"
        $d4 = "/root/.config/cron/perfcc"
        $n1 = "libgcwrap.so"
        $n2 = "libpprocps.so"
        $n3 = "libfsnldev.so"
        $n4 = "perfclean"
        $n5 = "wizlmsh"
        $env = "AAZHDE"
    condition:
        uint32(0) == 0x464c457f and filesize < 32MB and 3 of them
}
