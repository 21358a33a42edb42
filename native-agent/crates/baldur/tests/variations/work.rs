//! Ordinary work that is played: none of it may be stopped.
use super::ways::{Way, way};

/// Ordinary, though it empties, replaces or deletes many files.
pub const WORK: &[Way] = &[
    way(
        "one encrypted archive",
        "gpg gpgconf tar",
        r#"export GNUPGHOME="$OUT/keys"; mkdir -m 700 "$OUT/keys"
tar -c docs | gpg --batch -q --pinentry-mode loopback --passphrase x -c > all.gpg; rm -r docs; gpgconf --kill all"#,
    ),
    way("one sealed zip", "zip", r#"zip -q -r -m -P secret all.zip docs"#),
    way(
        "each into a zip of its own",
        "zip",
        r#"one() { zip -q "$1.zip" "$1" && rm "$1"; }; each one"#,
    ),
    way(
        "a few sealed by zip and 7z",
        "zip 7z",
        r#"files | head -14 | while read -r f; do zip -q -P secret "$f.zip" "$f"; rm "$f"; done
files | tail -14 | while read -r f; do 7z a -bd -mx=1 -psecret "$f.7z" "$f" > /dev/null; rm "$f"; done"#,
    ),
    way(
        "branches with binaries",
        "git gzip",
        r#"G="git -c user.name=a -c user.email=a@b"; cd docs; $G init -q; for n in $(seq 20); do head -c 9000 /dev/urandom > $n.model; done
for n in $(seq 40); do seq 900 | gzip > $n.tgz; done; $G add -A; $G commit -qm one; $G checkout -qb other
find . -name '*.txt' -exec sed -i s/invoice/bill/ {} +; for n in $(seq 20); do head -c 9900 /dev/urandom > $n.model; done
for n in $(seq 40); do seq 990 | gzip > $n.tgz; done; $G commit -qam two
for round in 1 2 3; do $G checkout -q -; done; $G reset -q --hard HEAD"#,
    ),
    way(
        "a cipher's lock",
        "git git-crypt",
        r#"export HOME="$OUT" GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b; cd docs; git init -q
git-crypt init; echo '*.txt filter=git-crypt diff=git-crypt' > .gitattributes; git add -A; git commit -qm one; git-crypt export-key "$OUT/key"
git-crypt lock; git-crypt unlock "$OUT/key"; git checkout -q HEAD"#,
    ),
    way(
        "large files by pointers",
        "git git-lfs",
        r#"export HOME="$OUT" GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b; cd docs; git init -q
git lfs install; git lfs track '*.model'; for n in $(seq 40); do head -c 9000 /dev/urandom > $n.model; done; git add -A; git commit -qm one
GIT_LFS_SKIP_SMUDGE=1 git clone -q . ../copy; cd ../copy; git lfs install --local; sleep 1; rm .git/index; git checkout -qf HEAD -- ."#,
    ),
    way(
        "a package with its upgrade",
        "dpkg dpkg-deb gzip",
        r#"D="dpkg --admindir=$OUT/dpkg --log=/dev/null --force-all"; T="$OUT/tree"; mkdir -p "$T/DEBIAN" "$OUT/dpkg/info" "$OUT/dpkg/updates"; touch "$OUT/dpkg/status"
build() { rm -rf "$T/var"; mkdir -p "$T$PWD/p"; cp -r docs "$T$PWD/p"; cp /bin/ls /bin/cat "$T$PWD/p"
  find "$T$PWD/p" -name '*.md' -exec gzip -n {} +; for n in $(seq 20); do head -c 9000 /dev/urandom > "$T$PWD/p/$n.model"; done
  printf 'Package: x
Version: %s
Architecture: all
Maintainer: a <a@b>
Description: x
' $1 > "$T/DEBIAN/control"; dpkg-deb -Zgzip -b "$T" "$OUT/x$1.deb"; }
build 1; $D -i "$OUT/x1.deb"; find docs -name '*.txt' -exec sed -i s/invoice/bill/ {} +; build 2; $D -i "$OUT/x2.deb"; $D -P x"#,
    ),
    way(
        "a program made, installed and run",
        "cc make",
        r#"mkdir p; cd p; printf '#include <stdio.h>
#include <string.h>
#include <unistd.h>
int main(int c,char**v){char t[999];for(int i=1;i<c;i++){snprintf(t,999,"%%s.copy",v[i]);FILE*f=fopen(v[i],"r"),*o=fopen(t,"w");int b;while((b=getc(f))!=EOF)putc(b,o);fclose(f);fclose(o);snprintf(t,999,"%%s.old",v[i]);rename(v[i],t);snprintf(t,999,"%%s.copy",v[i]);rename(t,v[i]);}}' > t.c
printf 't: t.c
	cc -o t t.c
install: t
	install t /usr/local/bin/norn-copy-%s
clean:
	rm -f t *.o
' $$ > Makefile; trap "rm -f /usr/local/bin/norn-copy-$$" EXIT
for n in $(seq 90); do seq 9 > $n.o; done; make -s install; make -s clean; cd ..; find docs -type f -exec /usr/local/bin/norn-copy-$$ {} +"#,
    ),
    way(
        "backups by tools of today",
        "restic rclone",
        r#"D=/usr/local/bin/norn-$$; mkdir $D; trap "rm -rf $D" EXIT; cp "$(command -v restic)" "$(command -v rclone)" $D; PATH="$D:$PATH"
export RESTIC_PASSWORD=x RESTIC_REPOSITORY="$PWD/r" RESTIC_CACHE_DIR="$OUT" RCLONE_CONFIG="$OUT/c"; restic -q init; restic -q backup docs
find docs -name '*.txt' -exec sed -i s/invoice/bill/ {} +; restic -q backup docs; restic -q forget --keep-last 1 --prune
restic -q restore latest --target restored; rclone copy docs copy; rclone sync docs copy; rclone moveto copy moved"#,
    ),
    way(
        "a tool of today copies and prunes",
        "perl",
        r#"W=/usr/local/bin/norn-$$; cp "$(command -v perl)" $W; trap "rm -f $W" EXIT; mkdir backup
files | $W -MFile::Copy -ne 'chomp; $n++; copy($_, "backup/$n.$1") if /(\w+)$/; END { unlink glob "backup/*" }'
mkdir mod; for n in $(seq 200); do seq 99 > mod/$n.go; seq 99 > mod/$n.mod; seq 99 > mod/$n.yml; done; sleep 1; $W -e 'unlink glob "mod/*"'"#,
    ),
    way(
        "logs cleared",
        "truncate",
        r#"mkdir logs; for n in $(seq 60); do seq 900 > logs/service-$n; seq 900 > app-$n.log; done
sleep 1; truncate -s 0 logs/* app-*.log; for l in app-*.log; do : > "$l"; done"#,
    ),
    way(
        "copy and truncate",
        "cp truncate",
        r#"mkdir log; for n in $(seq 60); do seq 900 > log/$n.txt; done
sleep 1; for f in log/*.txt; do cp "$f" "$f.1"; truncate -s 0 "$f"; done"#,
    ),
    way(
        "files written anew",
        "bash",
        r#"again() { cp "$1" "$OUT/x"; : > "$1"; tr a-z A-Z < "$OUT/x" >> "$1"; }; each again"#,
    ),
    way(
        "sed over a tree",
        "sed",
        r#"find docs -type f -exec sed -i s/invoice/bill/g {} +"#,
    ),
    way(
        "rsync of a changed tree",
        "rsync",
        r#"cp -R docs "$OUT/docs"; find "$OUT/docs" -name '*.txt' -exec sed -i s/invoice/bill/g {} +
rsync -r --inplace --ignore-times "$OUT/docs/" docs/; rsync -r --ignore-times "$OUT/docs/" docs/"#,
    ),
    way(
        "tar over a tree",
        "tar",
        r#"tar -cf "$OUT/all.tar" docs; tar -xf "$OUT/all.tar""#,
    ),
    way(
        "compressed elsewhere",
        "gzip",
        r#"one() { gzip -c "$1" > "$OUT/x"; mv "$OUT/x" "$1.gz"; rm "$1"; }; each one"#,
    ),
    way(
        "edited elsewhere",
        "mv",
        r#"one() { sed s/invoice/bill/ "$1" > "$OUT/x"; mv "$OUT/x" "$1"; }; each one"#,
    ),
    way(
        "tree exchanged",
        "mv",
        r#"cp -R docs "$OUT/docs"; mv docs docs.old; mv "$OUT/docs" docs; rm -rf docs.old"#,
    ),
];
