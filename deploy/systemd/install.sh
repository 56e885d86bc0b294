#!/bin/sh
# Installs huntbridge as a service, or upgrades it: sudo deploy/systemd/install.sh
#
# Run it from a checkout or from the unpacked source archive. What is in /etc/huntbridge already is kept. It starts
# nothing.
set -eu
deploy=$(cd "$(dirname "$0")/.." && pwd)

"$deploy/install.sh" /opt/huntbridge
ln -sf /opt/huntbridge/bin/huntbridge /usr/local/bin/huntbridge
install -D -m 0644 "$deploy/systemd/huntbridge.sysusers" /etc/sysusers.d/huntbridge.conf
systemd-sysusers huntbridge.conf

install -d -m 0755 /etc/huntbridge
install -d -m 0700 /etc/huntbridge/secrets
test -e /etc/huntbridge/huntbridge.yaml \
  || install -m 0640 -g huntbridge "$deploy/huntbridge.example.yaml" /etc/huntbridge/huntbridge.yaml
test -e /etc/huntbridge/huntbridge.env \
  || install -m 0600 "$deploy/huntbridge.example.env" /etc/huntbridge/huntbridge.env

install -d -m 0700 -o huntbridge -g huntbridge /var/backups/huntbridge
for unit in huntbridge.service huntbridge-backup.service huntbridge-backup.timer; do
  install -m 0644 "$deploy/systemd/$unit" "/etc/systemd/system/$unit"
done
if test -d /run/systemd/system; then systemctl daemon-reload; fi
echo "Next: write /etc/huntbridge/huntbridge.yaml and huntbridge.env, then: systemctl enable --now huntbridge huntbridge-backup.timer"
