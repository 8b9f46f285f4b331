/*
 * SPDX-License-Identifier: Apache-2.0
 * Copyright The Fleetsweep Authors
 *
 * Web shells by what they do with a request: hand it to an interpreter or a shell.
 */
rule WebShell_PHP_Request_Is_Code
{
    meta:
        description = "PHP that evaluates or runs what the request brings, decoded or not"
        author = "The Fleetsweep Authors"
        date = "2026-11-26"
        license = "Apache-2.0"
        reference = "what a one-line shell is; NSA and ASD 2020, Detect and prevent web shell malware"
    strings:
        $php = "<?php" nocase
        // Not the method of that name behind -> or ::, such as exec of PDO.
        $get = /([^\w\s>:]|[^-]>|[^:]:|\w\s)\s*(eval|assert|system|exec|shell_exec|passthru|popen|proc_open)\s{0,4}\(\s{0,4}@?\s{0,4}((base64_decode|gzinflate|str_rot13|stripslashes)\s{0,4}\(\s{0,4}){0,3}\$_GET\s{0,4}\[/ nocase
        $post = /([^\w\s>:]|[^-]>|[^:]:|\w\s)\s*(eval|assert|system|exec|shell_exec|passthru|popen|proc_open)\s{0,4}\(\s{0,4}@?\s{0,4}((base64_decode|gzinflate|str_rot13|stripslashes)\s{0,4}\(\s{0,4}){0,3}\$_POST\s{0,4}\[/ nocase
        $request = /([^\w\s>:]|[^-]>|[^:]:|\w\s)\s*(eval|assert|system|exec|shell_exec|passthru|popen|proc_open)\s{0,4}\(\s{0,4}@?\s{0,4}((base64_decode|gzinflate|str_rot13|stripslashes)\s{0,4}\(\s{0,4}){0,3}\$_REQUEST\s{0,4}\[/ nocase
        $cookie = /([^\w\s>:]|[^-]>|[^:]:|\w\s)\s*(eval|assert|system|exec|shell_exec|passthru|popen|proc_open)\s{0,4}\(\s{0,4}@?\s{0,4}((base64_decode|gzinflate|str_rot13|stripslashes)\s{0,4}\(\s{0,4}){0,3}\$_COOKIE\s{0,4}\[/ nocase
        $get_ticks = /`\s{0,4}\$_GET\s{0,4}\[/
        $post_ticks = /`\s{0,4}\$_POST\s{0,4}\[/
        $request_ticks = /`\s{0,4}\$_REQUEST\s{0,4}\[/
        $cookie_ticks = /`\s{0,4}\$_COOKIE\s{0,4}\[/
    condition:
        // "<?" or the head of a picture in front of the short form
        filesize < 512KB and ($php or uint16(0) == 0x3f3c or uint32(0) == 0x38464947) and
        any of ($get*, $post*, $request*, $cookie*)
}

rule WebShell_JSP_Request_Is_Command
{
    meta:
        description = "JSP that starts the command of the request"
        author = "The Fleetsweep Authors"
        date = "2026-11-26"
        license = "Apache-2.0"
        reference = "what a one-line shell is; NSA and ASD 2020, Detect and prevent web shell malware"
    strings:
        $run = /getRuntime\s{0,4}\(\s{0,4}\)\s{0,4}\.\s{0,4}exec\s{0,4}\(\s{0,4}request\s{0,4}\.\s{0,4}getParameter/
    condition:
        filesize < 512KB and $run
}

rule WebShell_ASPX_Request_Is_Code
{
    meta:
        description = "The one line of the 2021 attacks on Exchange: JScript that evaluates a field of the request, with unsafe"
        author = "The Fleetsweep Authors"
        date = "2026-11-26"
        license = "Apache-2.0"
        reference = "CISA AA21-062A and MAR-10328877, 2021; Microsoft 2021-03-02, HAFNIUM"
    strings:
        $script = /<script[^>]{0,40}language\s{0,4}=\s{0,4}["']?JScript["']?[^>]{0,40}runat\s{0,4}=\s{0,4}["']?server/ nocase
        $eval = /eval\s{0,4}\(\s{0,4}Request\s{0,4}(\.Item\s{0,4})?\[\s{0,4}["'][^"']{1,64}["']\s{0,4}\]\s{0,4},\s{0,4}["']unsafe["']\s{0,4}\)/ nocase
    condition:
        filesize < 512KB and $script and $eval
}
