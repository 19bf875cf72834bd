package org.turboesm.job.cli;

import org.turboesm.job.commit.BuildVersion;
import picocli.CommandLine.IVersionProvider;

final class VersionLines implements IVersionProvider {
  @Override
  public String[] getVersion() {
    return new String[] {
      "TurboESM on Spark " + BuildVersion.current(),
      "Spark " + org.apache.spark.package$.MODULE$.SPARK_VERSION(),
      "Java " + System.getProperty("java.version")
    };
  }
}
