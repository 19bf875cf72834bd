package org.turboesm.engine.cpu;

import java.util.Locale;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * What the {@code cpu} engine needs of a JVM, asked in the order in which a missing one would hide
 * the next.
 *
 * @param nativeRefusal why the native library cannot be used, asked last, as asking loads it
 */
record CpuRequirements(
    String operatingSystem,
    String architecture,
    boolean vectorModule,
    Supplier<Optional<String>> nativeRefusal) {
  private static final String VECTOR_MODULE = "jdk.incubator.vector";

  static CpuRequirements ofThisJvm() {
    return new CpuRequirements(
        System.getProperty("os.name"),
        System.getProperty("os.arch"),
        ModuleLayer.boot().findModule(VECTOR_MODULE).isPresent(),
        OneDnn::refusal);
  }

  /** Why the engine cannot run and what to do about it, or empty where it can. */
  Optional<String> unmet() {
    String system = operatingSystem.toLowerCase(Locale.ROOT);
    if (!system.equals("linux") || !architecture.equals("amd64")) {
      return Optional.of(
          "it is built for linux-x86_64 and this is "
              + system
              + "-"
              + architecture
              + "; use --engine pytorch");
    }
    if (!vectorModule) {
      return Optional.of(
          "the JVM runs without the Java Vector API; start it with --add-modules "
              + VECTOR_MODULE
              + " (spark-submit and bin/turboesm do)");
    }
    return nativeRefusal.get();
  }
}
