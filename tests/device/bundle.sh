#!/usr/bin/env bash
# Makes all that run.sh needs on a machine with CUDA and nothing else: bundle.sh [--jdk HOME]
#
# tests/device/bundle/ then holds a Java runtime, the jars and the libraries that bridge CUDA 12's names to CUDA 13's, 60
# MiB at most. Runs where the project builds: JDK 17 or newer, Maven, gcc. Nothing is compiled that is there.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
bundle=$here/bundle
most_bytes=$((60 << 20))
# jdk.zipfs: JUnit looks for classes in jars.
modules=java.base,java.logging,java.management,jdk.incubator.vector,jdk.unsupported,jdk.zipfs

die() { echo "bundle.sh: $*" >&2; exit 1; }

jdk=''
while [[ $# -gt 0 ]]; do
  case "$1" in
    --jdk) [[ $# -ge 2 ]] || die "--jdk needs a JDK's home"; jdk=$2; shift 2 ;;
    *) echo "usage: bundle.sh [--jdk HOME]" >&2; exit 2 ;;
  esac
done
if [[ -z $jdk ]]; then
  source "$root/bin/jdks.sh"
  read -r _ jdk <<<"$(newest_java "$(found_javas)")" || true
fi
[[ -x $jdk/bin/jlink && -x $jdk/bin/jar ]] || die "no JDK with jlink was found${jdk:+: $jdk has none}; name one with --jdk"

kernel=$root/kernel-jcuda/target
if [[ ! -f $kernel/test.classpath || ! -d $kernel/test-classes/org/turboesm/device ]]; then
  (cd "$root" && mvn -q -B -pl kernel-jcuda -am process-test-classes) || die "the build failed"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/jars" "$work/bridge"

# What the device's part of the classes uses; the CPU engine's libraries, Parquet and Hadoop stay behind.
wanted='^(jcuda|jcuda-natives|jcublas|jcublas-natives|jackson-(core|databind|annotations)|slf4j-api|ejml-(core|ddense)'
wanted+='|junit-(jupiter|platform)-.*|opentest4j|assertj-core)-[0-9].*\.jar$'
IFS=: read -r -a entries <<<"$(<"$kernel/test.classpath")"
for jar in "${entries[@]}"; do
  if [[ $(basename "$jar") =~ $wanted ]]; then cp "$jar" "$work/jars/"; fi
done
for needed in jcuda jcublas junit-platform-launcher jackson-databind; do
  compgen -G "$work/jars/$needed-[0-9]*.jar" >/dev/null || die "$kernel/test.classpath names no $needed; build anew"
done
"$jdk/bin/jar" --create --file "$work/jars/turboesm-kernel.jar" -C "$kernel/classes" .
"$jdk/bin/jar" --create --file "$work/jars/turboesm-kernel-tests.jar" -C "$kernel/test-classes" .

# Most of JCuda's natives is a compiler that nothing here calls.
(
  natives=$(compgen -G "$work/jars/jcuda-natives-[0-9]*.jar")
  mkdir "$work/natives"
  cd "$work/natives"
  "$jdk/bin/jar" --extract --file "$natives"
  rm -f lib/libJNvPTXCompiler*
  "$jdk/bin/jar" --create --file "$natives" .
  rm -rf "$work/natives"
)

# As one packed file, a third of its size.
"$jdk/bin/jlink" --add-modules "$modules" --strip-debug --no-header-files --no-man-pages --output "$work/runtime"
java_version=$(sed -n 's/^JAVA_VERSION="\(.*\)"/\1/p' "$work/runtime/release")
tar -C "$work" -czf "$work/runtime.tar.gz" runtime
rm -rf "$work/runtime"

"$here/bridge/build.sh" "$work/bridge"

bytes=$(du -sb "$work" | cut -f1)
[[ $bytes -le $most_bytes ]] || die "the bundle has $bytes bytes, more than $most_bytes"
rm -rf "$bundle"
mv "$work" "$bundle"
chmod 755 "$bundle"
trap - EXIT
echo "bundle.sh: $bundle, $((bytes >> 20)) MiB, Java $java_version"
