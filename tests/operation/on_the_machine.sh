# What is tried once the units have started; each line that begins with "=" is read by the test.
havenline() { /opt/havenline/bin/havenline "$@" --config /etc/havenline/havenline.toml; }
as() { (as=$1; shift; setpriv --reuid "$as" --regid "$as" --init-groups --no-new-privs "$@"); }
finish() { systemctl poweroff --force --force; }
trap finish EXIT

for attempt in $(seq 100); do
  havenline status > /dev/null 2>&1 && break
  sleep 0.3
done
havenline status
echo "= status $?"

for name in keeper caretaker courier desk web; do
  pid=$(systemctl show --property=MainPID --value "havenline-$name")
  echo "= user $name $(stat --format=%U "/proc/$pid")"
  grep -E '^(NoNewPrivs|Seccomp|CapEff):' "/proc/$pid/status" | tr '\t' ' ' |
    sed "s/^/= rights $name /"
done

/opt/havenline/bin/python - <<'EOF'
import urllib.request
for port in (18080, 18081):
    print("= page", port, urllib.request.urlopen(f"http://127.0.0.1:{port}/").status)
EOF

for user in web desk courier caretaker; do
  as havenline-$user ls /var/lib/havenline/keeper > /dev/null 2>&1
  echo "= $user lists the keeper's folder $?"
  as havenline-$user cat /var/lib/havenline/courier/seed > /dev/null 2>&1
  echo "= $user reads the courier's seed $?"
done
for socket in keeper-desk keeper-courier keeper-caretaker keeper-operator; do
  as havenline-web /opt/havenline/bin/python - "/run/havenline/keeper/$socket.sock" <<'EOF'
import socket, sys
try:
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(sys.argv[1])
    print("= web connects to", sys.argv[1])
except PermissionError:
    print("= web is refused")
EOF
done

havenline staff setup-link | grep -q '#setup=' && echo "= setup link"
havenline sweep > /dev/null && echo "= sweep"

before=$(systemctl show --property=MainPID --value havenline-web)
systemctl kill --signal=KILL havenline-keeper
for attempt in $(seq 100); do
  sleep 0.3
  havenline status > /dev/null 2>&1 && break
done
havenline status > /dev/null
echo "= status after the keeper was killed $?"
after=$(systemctl show --property=MainPID --value havenline-web)
[ "$before" = "$after" ] && echo "= web went on"

mkdir -p /media/mirror
mount -t tmpfs tmpfs /media/mirror
chown havenline-keeper /media/mirror
havenline mirror --new-key /root/mirror.key && echo "= mirror"
before=$(stat --format=%i /media/mirror/havenline.mirror)
systemctl start havenline-mirror
after=$(stat --format=%i /media/mirror/havenline.mirror)
[ "$before" != "$after" ] && echo "= mirror by its unit"
stat --format='= mirror %U %a' /media/mirror/havenline.mirror

head -c 32 /dev/urandom > /root/backup.key
havenline backup /root/backup.hlb --key-file /root/backup.key > /dev/null && echo "= backup"
havenline restore /root/backup.hlb --key-file /root/backup.key --yes && echo "= restored while running"
systemctl stop havenline-web havenline-desk havenline-courier havenline-caretaker
havenline restore /root/backup.hlb --key-file /root/backup.key --yes && echo "= restored"
stat --format='= database %U %G %a' /var/lib/havenline/database/havenline.sqlite3
stat --format='= seed %U %G %a' /var/lib/havenline/courier/seed
systemctl start havenline.target
for attempt in $(seq 100); do
  havenline status > /dev/null 2>&1 && break
  sleep 0.3
done
havenline status
echo "= status after the restore $?"
havenline check

for user in desk web; do
  setpriv --reuid havenline-$user --regid havenline-$user --groups \
    "$([ $user = desk ] && echo havenline-channels || echo havenline-web)" --no-new-privs \
    /opt/havenline/bin/python - $user <<'EOF'
import socket, sys
with socket.socket(socket.AF_UNIX) as s:
    try:
        s.connect("/run/havenline/courier/channels.sock")
        print("=", sys.argv[1], "sees the messengers", s.recv(99).decode().strip())
    except PermissionError:
        print("=", sys.argv[1], "does not see the messengers")
EOF
done

# Signal's webhook: asked while the courier is dead, answered by the next one.
systemctl stop havenline-courier
cat >> /etc/havenline/havenline.toml <<'EOF'
[channels.signal]
enabled = true
number = "+4915550001111"
webhook_port = 8091
EOF
systemctl start havenline-signal-webhook.socket
systemctl start havenline-courier
/opt/havenline/bin/python - <<'EOF'
import os, pathlib, signal, subprocess, urllib.error, urllib.request
def main_pid():
    ask = ["systemctl", "show", "--property=MainPID", "--value", "havenline-courier"]
    return int(subprocess.check_output(ask))
def answer():
    try:
        urllib.request.urlopen("http://127.0.0.1:8091/wrong", b"{}", timeout=60)
    except urllib.error.HTTPError as error:
        return error.code
print("= webhook", answer())
before = main_pid()
os.kill(before, signal.SIGKILL)
print("= webhook across a restart", answer(), "anew", main_pid() != before)
EOF
journalctl --no-pager --output=cat --unit='havenline-*' | tail -n 60
