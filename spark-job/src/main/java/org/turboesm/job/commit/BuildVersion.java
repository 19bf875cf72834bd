package org.turboesm.job.commit;

/** The version of this build. */
public final class BuildVersion {
  private BuildVersion() {}

  /** From the jar's manifest; {@code development} where classes run outside a jar. */
  public static String current() {
    String version = BuildVersion.class.getPackage().getImplementationVersion();
    return version == null ? "development" : version;
  }
}
