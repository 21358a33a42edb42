// Commands that administrators, developers and package scripts give every day: the pack says nothing of medium or above about them.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildRuleBatch, parseRule, RuleEngine } from './index.ts';

const folder = join(import.meta.dirname, '../pack');
const engine = new RuleEngine(
  readdirSync(folder)
    .filter((file) => file.endsWith('.yml'))
    .map((file) => parseRule(file, readFileSync(join(folder, file), 'utf8'))),
);

const onHosts = `
/usr/bin/apt-get install -y nmap hydra john tor sshuttle rclone bpftrace gdb strace
/usr/bin/apt-get purge -y apache2
/usr/bin/dpkg -i /tmp/package.deb
/usr/bin/systemctl restart rsyslog auditd
/usr/bin/systemctl stop postgresql
/usr/bin/systemctl kill -s HUP rsyslog.service
/usr/bin/systemctl enable --now nginx
/usr/bin/journalctl -u nginx --since today
/usr/bin/tar czf /srv/backup/www.tgz /var/www
/usr/bin/tar xf /tmp/node-v24.tar.xz -C /opt
/usr/bin/tar -cf - --exclude=/home/eve/.ssh /home/eve
/usr/bin/rsync -a --delete /srv/ backup:/srv/
/usr/bin/rsync -e ssh -i /root/.ssh/id_ed25519 -a /srv/ backup:/srv/
/usr/bin/scp -i /root/.ssh/id_rsa release.tgz web@10.0.0.5:/srv
/usr/bin/ssh -L 5432:localhost:5432 db@10.0.0.5
/usr/bin/ssh -p 2222 web@10.0.0.5 df -h
/usr/bin/ssh-keygen -t ed25519 -f /root/.ssh/id_ed25519 -N
/usr/bin/ssh-add /root/.ssh/id_ed25519
/usr/bin/cat /root/.ssh/id_ed25519.pub
/usr/bin/cat /etc/ssh/sshd_config
/usr/bin/curl -fsSL https://example.org/key.asc -o /etc/apt/keyrings/example.asc
/usr/bin/curl -s -o /tmp/tool.tgz https://example.org/tool.tgz
/usr/bin/curl -X POST -H Content-Type:application/json -d @payload.json https://api.example.org/v1/items
/usr/bin/curl --data-binary @- http://pushgateway:9091/metrics/job/backup
/usr/bin/curl -F file=@dist/app.tgz https://nexus.example.org/upload
/usr/bin/wget -q https://example.org/a.deb -O /tmp/a.deb
/usr/bin/find /var/log -name *.gz -mtime +30 -delete
/usr/bin/find . -type f -name *.sh -exec chmod 755 {} +
/usr/bin/find /srv/www -type f -exec sh -c gzip -k "$1" sh {} ;
/usr/bin/find / -xdev -name core -type f
/usr/bin/grep -rn password src/
/usr/bin/grep -r listen /etc/nginx
/usr/bin/grep -i token /etc/app/config.yml
/usr/bin/chmod 600 /etc/shadow
/usr/bin/chmod -R g+rwX,o-rwx /srv/share
/usr/bin/chmod 2775 /srv/share
/usr/bin/chmod +x /usr/local/bin/tool
/usr/bin/chown -R www-data:www-data /var/www
/usr/sbin/setcap cap_net_bind_service=+ep /usr/local/bin/caddy
/usr/sbin/useradd --system --no-create-home --shell /usr/sbin/nologin prometheus
/usr/sbin/usermod -aG video,render eve
/usr/bin/passwd eve
/usr/bin/crontab -l
/usr/bin/sudo -u postgres psql -c select 1
/usr/bin/sudo apt-get update
/usr/bin/sudo vim /etc/hosts
/usr/bin/vim.basic /root/.bashrc
/usr/bin/touch /var/lib/app/ready
/usr/bin/touch -d 2024-01-01 dist/index.js
/usr/bin/touch /tmp/flag
/usr/bin/rm -rf /tmp/build node_modules
/usr/bin/rm -f /srv/backup/db-2024-01-01.sql.gz
/usr/bin/dd if=/dev/zero of=/swapfile bs=1M count=2048
/usr/bin/dd if=/srv/image.img of=/dev/sdb bs=4M
/usr/bin/dd if=/dev/urandom of=/srv/key.bin bs=32 count=1
/usr/sbin/mkfs.ext4 /dev/vdb1
/usr/bin/mount /dev/vdb1 /srv
/usr/bin/openssl req -new -x509 -days 365 -key server.key -out server.crt
/usr/bin/openssl s_client -connect example.org:443 -servername example.org
/usr/bin/openssl enc -d -aes-256-cbc -in a.enc -out a
/usr/bin/gpg --dearmor -o /etc/apt/keyrings/example.gpg
/usr/bin/base64 -w0 cert.pem
/usr/bin/python3.11 -m venv .venv
/usr/bin/python3.11 -c import sys; print(sys.version)
/usr/bin/python3.11 -c import socket; print(socket.getfqdn())
/usr/bin/python3.11 manage.py runserver 0.0.0.0:8000
/usr/bin/perl -pe s/foo/bar/ file.txt
/usr/bin/node server.js --port 3000
/usr/bin/node -e console.log(process.version)
/usr/bin/php8.2 artisan queue:work
/usr/bin/awk -F: {print $1} /etc/passwd
/usr/bin/gawk BEGIN { srand(); print rand() }
/usr/bin/nc.openbsd -zv db 5432
/usr/bin/socat TCP-LISTEN:8080,fork TCP:10.0.0.5:80
/usr/bin/dig +short example.org
/usr/bin/dig TXT default._domainkey.example.org
/usr/sbin/iptables -A INPUT -p tcp --dport 443 -j ACCEPT
/usr/sbin/xtables-nft-multi iptables -t nat -L -n
/usr/sbin/nft list ruleset
/usr/sbin/ip link set eth0 up
/usr/sbin/sysctl -w vm.max_map_count=262144
/usr/bin/kmod modprobe br_netfilter
/usr/bin/kmod lsmod
/usr/bin/strace -c ls
/usr/bin/gdb ./app core
/usr/bin/perf top
/usr/sbin/bpftool prog show
/usr/bin/chattr +C /var/lib/images
/usr/bin/docker build -t app .
/usr/bin/docker run -d --name db -p 5432:5432 -v pgdata:/var/lib/postgresql/data postgres
/usr/bin/docker run --rm -v /srv/app:/app -w /app node:24 npm test
/usr/bin/docker run -v /etc/localtime:/etc/localtime:ro -v /srv/conf:/etc/app app
/usr/bin/docker run --cap-add NET_ADMIN --device /dev/net/tun vpn
/usr/bin/docker exec -it web bash
/usr/bin/docker compose up -d
/usr/bin/docker ps -a
/usr/local/bin/kubectl get pods -A
/usr/local/bin/kubectl apply -f deploy.yml
/usr/local/bin/kubectl exec -it web -- sh
/usr/local/bin/helm upgrade --install app ./chart
/usr/bin/nsenter -t 4711 -n ss -ltnp
/usr/bin/git clone https://github.com/example/app /tmp/app
/usr/bin/git push origin HEAD
/usr/bin/make -j8
/usr/bin/x86_64-linux-gnu-gcc-12 gcc -O2 -c main.c -o main.o
/usr/bin/mysqldump --single-transaction shop
/usr/bin/bash -c mysqldump shop | gzip > /srv/backup/shop.sql.gz
/usr/bin/bash -c pg_dump shop | ssh backup "cat > shop.sql"
/usr/bin/bash -c zcat dump.sql.gz | mysql shop
/usr/bin/bash -c echo stats | nc -q1 localhost 11211
/usr/bin/bash -c for f in *.log; do gzip "$f"; done
/usr/bin/bash -c curl -s https://example.org/list | jq .
/usr/bin/bash -c until pg_isready -h db; do sleep 1; done
/usr/bin/bash -c set -euo pipefail; export PATH=$PATH:/opt/bin; npm run build
/usr/bin/bash -c kubectl get secret tls -o jsonpath={.data.tls} | base64 -d | openssl x509 -noout -dates
/usr/bin/bash -c ps aux | grep nginx | awk "{print $2}"
/usr/bin/dash sh -c test -x /usr/sbin/anacron || run-parts --report /etc/cron.daily
/usr/bin/dash /bin/sh /usr/sbin/service nginx reload
/usr/sbin/logrotate /etc/logrotate.conf
/usr/sbin/nginx -s reload
/usr/bin/certbot renew --quiet
/usr/bin/restic backup /srv
/usr/bin/borg create /srv/repo::now /home
/usr/bin/script -q session.log
/usr/bin/redis-cli info
/usr/bin/aws s3 cp s3://bucket/app.tgz /tmp/app.tgz
/usr/bin/rclone version
/usr/bin/screen -S work
`;

const inContainers = `
/bin/sh /bin/sh -c node server.js
/bin/bash bash /entrypoint.sh postgres
/usr/bin/node node server.js
/bin/mount mount -t tmpfs none /run
/usr/bin/apt-get apt-get update
/bin/busybox sh -c while true; do sleep 10; done
/bin/busybox wget -q -O- http://localhost:8080/health
/usr/bin/curl curl -f http://localhost:8080/health
/usr/sbin/nginx nginx -g daemon off;
/usr/lib/postgresql/15/bin/postgres postgres -c config_file=/etc/postgresql.conf
/usr/bin/chown chown -R postgres:postgres /var/lib/postgresql
`;

/** Each line is the image and what follows its name; the name itself stands first unless the line gives another. */
function commandsOf(text: string, container: string): { Image: string; CommandLine: string; Container: string }[] {
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const [image = '', ...words] = line.split(' ');
      const name = image.slice(image.lastIndexOf('/') + 1);
      const own = container !== '' || /^(xtables|kmod|x86_64|dash)/.test(name);
      return { Image: image, CommandLine: (own ? words : [name, ...words]).join(' '), Container: container };
    });
}

describe('ordinary commands', () => {
  const commands = [...commandsOf(onHosts, ''), ...commandsOf(inContainers, '4f1c9a2b77e0')];

  it.each(commands)('$Image $CommandLine', (command) => {
    const { matches } = engine.evaluate(
      buildRuleBatch([{ EventKind: 'exec', ParentImage: '/usr/bin/bash', ...command }]),
    );
    const loud = matches.filter(({ rule }) => !['informational', 'low'].includes(rule.level));
    expect(loud.map(({ rule }) => rule.file)).toEqual([]);
  });
});
