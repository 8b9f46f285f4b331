/*
 * SPDX-License-Identifier: Apache-2.0
 * Copyright The Fleetsweep Authors
 *
 * Emotet, generation December 2020 to January 2021, from what agencies and CERTs have published: see
 * README.md.
 */
rule Emotet_Loader_Export
{
    meta:
        description = "A DLL with the export under which rundll32 starts the loader; weak alone"
        author = "The Fleetsweep Authors"
        date = "2026-11-23"
        license = "Apache-2.0"
        reference = "JPCERT/CC EmoCheck"
    strings:
        $run = "RunDLL" fullword
        $show = "ShowDialogA" fullword
    condition:
        uint16(0) == 0x5a4d and filesize < 4MB and any of them
}

rule Emotet_Quarantined_By_BKA
{
    meta:
        description = "What the BKA's module moved away in April 2021: its key at the start of the file"
        author = "The Fleetsweep Authors"
        date = "2026-11-23"
        license = "Apache-2.0"
        reference = "Bundeskriminalamt 2021"
    strings:
        $key = { c3 da da 19 63 45 2c 86 77 3b e9 fd 24 64 fb b8 07 fe 12 d0 2a 48 13 38 48 68 e8 ae 91 3c ed 82 }
    condition:
        $key at 0
}
