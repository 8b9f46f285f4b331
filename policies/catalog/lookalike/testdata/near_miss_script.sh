#!/bin/sh
# FLEETSWEEP-LOOKALIKE-MARKER without the rest of the record: a script that only mentions it.
exec sleep 3600
