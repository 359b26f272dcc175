# Boots systemd as the first process of namespaces of its own, on a copy of this machine's files in
# memory, installs the units there and runs one test in it. Nothing of the machine itself changes.
#
#   unshare --mount --pid --fork --cgroup --ipc --uts --propagation private \
#     sh machine.sh ROOT PLACE PREFIX SITE TEST
#
# ROOT: the sources. PLACE: an empty folder, in which TEST leaves its answer. PREFIX: where the
# interpreter lives. SITE: its packages. TEST: a shell script, run when everything was started.
set -eu
root=$1 place=$2 prefix=$3 site=$4 test=$5

new=$place/new
memory=$place/memory
mkdir "$new" "$memory"
mount -t tmpfs tmpfs "$memory"
mkdir "$memory/changes" "$memory/work"
mount -t overlay overlay -o "lowerdir=/,upperdir=$memory/changes,workdir=$memory/work" "$new"
mount -t proc proc "$new/proc"
mount -t sysfs sysfs "$new/sys"
mount -t cgroup2 cgroup2 "$new/sys/fs/cgroup"
mount --rbind /dev "$new/dev"
mount -t tmpfs tmpfs "$new/run"
# PLACE must be reached from inside too, and the program by users who may not enter /root or /tmp.
mkdir -p "$new/opt/place" "$new/opt/sources" "$new/opt/python" "$new/opt/site"
mount --bind "$place" "$new/opt/place"
mount --bind "$root" "$new/opt/sources"
mount --bind "$prefix" "$new/opt/python"
mount --bind "$site" "$new/opt/site"

mkdir -p "$new/opt/havenline/bin"
interpreter=$(cd "$prefix/bin" && ls python3.?? | head -n 1)
printf 'home = /opt/python/bin\n' > "$new/opt/havenline/pyvenv.cfg"
packages=$new/opt/havenline/lib/$interpreter/site-packages
mkdir -p "$packages"
printf '/opt/sources\n/opt/site\n' > "$packages/havenline.pth"
ln -s "/opt/python/bin/$interpreter" "$new/opt/havenline/bin/python"
printf '#!/opt/havenline/bin/python -P\nfrom intake_server.cli import main\nmain()\n' \
  > "$new/opt/havenline/bin/havenline"
chmod +x "$new/opt/havenline/bin/havenline"

units=$root/deploy/systemd
cp -r "$units"/*.service "$units"/*.socket "$units"/*.timer "$units"/*.target "$units"/*.d "$new/etc/systemd/system/"
mkdir -p "$new/etc/havenline"
cat "$units/havenline.toml" "$place/more.toml" > "$new/etc/havenline/havenline.toml"
mkdir -p "$new/usr/lib/sysusers.d" "$new/usr/lib/tmpfiles.d"
cp "$units/sysusers.conf" "$new/usr/lib/sysusers.d/havenline.conf"
cp "$units/tmpfiles.conf" "$new/usr/lib/tmpfiles.d/havenline.conf"
chroot "$new" systemd-sysusers havenline.conf
chroot "$new" systemd-tmpfiles --create havenline.conf

cat > "$new/etc/systemd/system/tried.service" <<EOF
[Unit]
After=havenline.target
[Service]
Type=oneshot
ExecStart=/bin/sh $test
StandardOutput=file:/opt/place/said
StandardError=file:/opt/place/said
EOF
printf '[Unit]\nWants=havenline.target tried.service\n' > "$new/etc/systemd/system/tried.target"

# systemd gives processes namespaces of users, which the kernel refuses below a mere chroot.
cd "$new"
mkdir -p .old
pivot_root . .old
umount -l /.old
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  /lib/systemd/systemd --system --show-status=no --log-target=journal --unit=tried.target
