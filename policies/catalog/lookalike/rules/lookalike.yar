/*
 * SPDX-License-Identifier: Apache-2.0
 * Copyright The Fleetsweep Authors
 *
 * The harmless family "Lookalike", which exists for tests and demonstrations only.
 */
rule Lookalike_Marker
{
    meta:
        description = "A program or script that carries the record of the harmless test family Lookalike"
        author = "The Fleetsweep Authors"
        date = "2026-11-23"
        license = "Apache-2.0"
    strings:
        // The whole record, not only its first word: a text about Lookalike must not match.
        $record = /FLEETSWEEP-LOOKALIKE-MARKER\/1 id=[0-9a-f]{8};/
    condition:
        (uint32(0) == 0x464c457f or uint16(0) == 0x2123) and filesize < 4MB and $record
}
