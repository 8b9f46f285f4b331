/*
 * SPDX-License-Identifier: Apache-2.0
 * Copyright The Fleetsweep Authors
 *
 * CVE-2024-3094, from what analyses have published: see README.md.
 */
rule Xz_Backdoor_Code
{
    meta:
        description = "The start of the function that the backdoor puts before liblzma's own _get_cpuid"
        author = "The Fleetsweep Authors"
        date = "2026-11-27"
        license = "Apache-2.0"
        reference = "oss-security 2024-03-29, detect.sh"
    strings:
        $get_cpuid = { F3 0F 1E FA 55 48 89 F5 4C 89 CE 53 89 FB 81 E7 00 00 00 80 48 83 EC 28 48 89 54 24 18 48 89 4C 24 10 }
    condition:
        uint32(0) == 0x464c457f and filesize < 4MB and $get_cpuid
}
