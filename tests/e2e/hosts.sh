# The private roots that the demo and the end-to-end tests give to agents: a small realistic tree, a harmless look-alike
# infection, and near-misses that must not be touched.

host_root() { echo "$WORLD/hosts/$1/root"; }

host_new() {  # host_new NAME: a tree like a small Debian host
  local root; root=$(host_root "$1")
  mkdir -p "$root"/{etc/{cron.d,cron.daily,systemd/system,profile.d},usr/{bin,lib/x86_64-linux-gnu,local/{bin,lib}},var/{lib/dpkg/info,log,spool/cron/crontabs,tmp},home/ops/.ssh,opt/app,srv/www,tmp,root}
  printf '%s\n' "$1" >"$root/etc/hostname"
  printf '%s' "$1" | sha256sum | cut -c1-32 >"$root/etc/machine-id"
  printf 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n' >"$root/etc/os-release"
  printf 'root:x:0:0:root:/root:/bin/bash\nops:x:1000:1000::/home/ops:/bin/bash\n' >"$root/etc/passwd"
  printf 'root:x:0:\nops:x:1000:\n' >"$root/etc/group"
  printf '# /etc/crontab: system-wide crontab\nSHELL=/bin/sh\n17 *\t* * *\troot\tcd / && run-parts --report /etc/cron.hourly\n' >"$root/etc/crontab"
  printf '[Unit]\nDescription=Nightly backup\n[Service]\nExecStart=/opt/app/backup\n' >"$root/etc/systemd/system/backup.service"
  printf 'export EDITOR=vi\n' >"$root/etc/profile.d/editor.sh"
  printf '#!/bin/sh\nexec true\n' >"$root/opt/app/backup"
  printf '<html><body>It works</body></html>\n' >"$root/srv/www/index.html"
  printf '10 3 * * * /opt/app/backup\n' >"$root/var/spool/cron/crontabs/ops"
  printf 'a tool of the package demo-tools\n' >"$root/usr/bin/demo-tool"
  printf '/.\n/usr\n/usr/bin\n/usr/bin/demo-tool\n' >"$root/var/lib/dpkg/info/demo-tools.list"
  (cd "$root" && md5sum usr/bin/demo-tool) >"$root/var/lib/dpkg/info/demo-tools.md5sums"
  printf 'Package: demo-tools\nStatus: install ok installed\nVersion: 1.0\nArchitecture: all\n\n' >"$root/var/lib/dpkg/status"
  local i
  for i in $(seq 40); do head -c $((RANDOM % 5000)) /dev/urandom >"$root/srv/www/photo-$i.jpg"; done
  chmod 755 "$root/opt/app/backup"
  chmod 1777 "$root/tmp" "$root/var/tmp"
}

host_infect() {  # host_infect NAME: file, process, cron line, unit, preload line; all inert
  local root folder; root=$(host_root "$1") folder=$root$LOOKALIKE_FOLDER
  mkdir -p "$folder"
  lookalike_program "$folder/lookalike"
  lookalike_library "$folder/liblookalike.so"
  printf '*/5 * * * * root %s/lookalike 3600 # echo only\n' "$LOOKALIKE_FOLDER" >>"$root/etc/crontab"
  printf '[Unit]\nDescription=Lookalike\n[Service]\nExecStart=%s/lookalike 3600\n[Install]\nWantedBy=multi-user.target\n' \
    "$LOOKALIKE_FOLDER" >"$root/etc/systemd/system/lookalike.service"
  mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
  ln -s ../lookalike.service "$root/etc/systemd/system/multi-user.target.wants/lookalike.service"
  printf '/usr/lib/x86_64-linux-gnu/libdemo.so %s/liblookalike.so\n' "$LOOKALIKE_FOLDER" >"$root/etc/ld.so.preload"
  chown 12345:23456 "$folder/liblookalike.so" 2>/dev/null || :
  setcap cap_net_bind_service=ep "$folder/lookalike" 2>/dev/null || :
  lookalike_start "$1"
}

lookalike_start() {
  "$(host_root "$1")$LOOKALIKE_FOLDER/lookalike" 3600 &
  STRAY+=($!)
  LOOKALIKE_PID[$1]=$!
  disown $!  # the shell need not tell that it was killed
}

host_near_misses() {  # host_near_misses NAME: everything here looks like it and is not
  local root; root=$(host_root "$1")
  mkdir -p "$root$LOOKALIKE_FOLDER" "$root/srv/lookalike" "$root/opt/near"
  printf '#!/bin/sh\necho the same name, other content\n' >"$root$LOOKALIKE_FOLDER/lookalike"
  ln -s /etc/passwd "$root/opt/near/lookalike"
  printf '*/10 * * * * root curl -fsS https://intranet.example.org/health\n' >>"$root/etc/crontab"
  printf '[Unit]\nDescription=Looks alike\n[Service]\nExecStart=/opt/app/backup --lookalike\n' >"$root/etc/systemd/system/lookalike-backup.service"
  mkdir -p "$root/opt/app/lookalike"
  lookalike_program "$root/usr/local/bin/demo-twin"  # package-owned and intact: a known good file whatever a rule says
  printf '/usr/local\n/usr/local/bin\n/usr/local/bin/demo-twin\n' >>"$root/var/lib/dpkg/info/demo-tools.list"
  (cd "$root" && md5sum usr/bin/demo-tool usr/local/bin/demo-twin) >"$root/var/lib/dpkg/info/demo-tools.md5sums"
  # The name of the malware, another program: a copy of sleep without the marker.
  cp /bin/sleep "$root/opt/near/sleeper"
  (exec -a lookalike "$root/opt/near/sleeper" 3600) &
  STRAY+=($!)
  LOOKALIKE_PID[$1]=$!
  disown $!  # the shell need not tell that it was killed
}

declare -A LOOKALIKE_PID=()
