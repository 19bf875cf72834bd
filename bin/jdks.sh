# Finds the Javas on this machine that Spark supports. Sourced by bin/turboesm and bin/test; bash 3.2 suffices.
#
#   TURBOESM_JDK_PATHS            where to look besides the PATH: homes, or globs that match homes, separated by colons;
#                                 the default is jdk_paths below, an empty value leaves the PATH alone

# Java versions that Spark 4.2 supports, newest first.
supported_javas=(25 21 17)

jdk_paths=${TURBOESM_JDK_PATHS-"/usr/lib/jvm/*:/opt/java*:/opt/java/*:${HOME:-}/.sdkman/candidates/java/*:/Library/Java/JavaVirtualMachines/*/Contents/Home"}

# Prints a property of a java, or nothing if it does not start: java_property JAVA NAME [JVM OPTION...]
java_property() {
  local java=$1 name=$2
  shift 2
  "$java" "$@" -XshowSettings:properties -version 2>&1 </dev/null | sed -n "s/^ *$name = //p" || true
}

# Prints the version that a home's release file states, such as 25 for JAVA_VERSION="25.0.1", or nothing.
release_version() {
  local line version=''
  [[ -r $1/release ]] || return 0
  while IFS= read -r line || [[ -n $line ]]; do
    [[ $line != JAVA_VERSION=* ]] || version=${line#JAVA_VERSION=}
  done <"$1/release"
  version=${version//\"/}
  printf '%s' "${version%%[!0-9]*}"
}

# Prints the home of the java on the PATH, or nothing. A launcher that stands in for java lies in no home: it is asked.
java_home_on_path() {
  local java home
  java=$(type -P java) || return 0
  home=$(dirname -- "$(dirname -- "$(readlink -f -- "$java" || true)")")
  if [[ -x $home/bin/java && -n $(release_version "$home") ]]; then
    printf '%s' "$home"
  else
    java_property "$java" 'java\.home'
  fi
}

# Prints "VERSION HOME", a line each, for every Java found, supported or not. A Java is started only where no release
# file states its version.
found_javas() {
  local patterns pattern home version homes=()
  homes=("$(java_home_on_path)")
  IFS=: read -r -a patterns <<<"$jdk_paths"
  # Globs expand, and names with spaces stay whole.
  local IFS=''
  for pattern in ${patterns[@]+"${patterns[@]}"}; do homes+=($pattern); done
  for home in "${homes[@]}"; do
    [[ -n $home && -x $home/bin/java ]] || continue
    version=$(release_version "$home")
    [[ -n $version ]] || version=$(java_property "$home/bin/java" 'java\.specification\.version')
    printf '%s %s\n' "${version:-unknown}" "$home"
  done
}

# Prints "VERSION HOME" of the newest supported Java among the lines of found_javas, given as one argument, or nothing;
# of two of one version, the first. It has been started with the module that the kernels need.
newest_java() {
  local wanted version home
  for wanted in "${supported_javas[@]}"; do
    while read -r version home; do
      [[ $version == "$wanted" ]] || continue
      if [[ $(java_property "$home/bin/java" 'java\.specification\.version' --add-modules=jdk.incubator.vector) == "$wanted" ]]; then
        printf '%s %s' "$version" "$home"
        return
      fi
      echo "${0##*/}: $home is passed over: its Java $version does not start with --add-modules=jdk.incubator.vector" >&2
    done <<<"$1"
  done
}
