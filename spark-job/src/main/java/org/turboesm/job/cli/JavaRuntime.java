package org.turboesm.job.cli;

import java.util.List;

/**
 * The Java that runs.
 *
 * @param feature the number that names the release, such as 25 of 25.0.1
 * @param version in full
 * @param home its folder, whose {@code bin/java} runs
 */
record JavaRuntime(int feature, String version, String virtualMachine, String home) {
  /** Those of Spark 4.2, oldest first; bin/jdks.sh has them too. */
  private static final List<Integer> SUPPORTED = List.of(17, 21, 25);

  private static final int NEWEST = SUPPORTED.get(SUPPORTED.size() - 1);

  static JavaRuntime current() {
    return new JavaRuntime(
        Runtime.version().feature(),
        System.getProperty("java.version"),
        System.getProperty("java.vm.name"),
        System.getProperty("java.home"));
  }

  /** What it is, whether Spark supports it, and whether a newer one would serve better. */
  String describe() {
    return version + ", " + virtualMachine + ", " + home + "; " + advice();
  }

  private String advice() {
    if (!SUPPORTED.contains(feature)) {
      return "not supported by Spark 4.2: set JAVA_HOME to a Java 17, 21 or 25";
    }
    if (feature < NEWEST) {
      return "supported, but Java "
          + NEWEST
          + " tends to be faster: install it, and have JAVA_HOME name it or be unset";
    }
    return "the newest that is supported";
  }
}
