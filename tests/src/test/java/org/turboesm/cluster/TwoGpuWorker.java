package org.turboesm.cluster;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A worker whose discovery script finds two GPUs, there or not, and jobs on it. */
final class TwoGpuWorker {
  private static final Path CONF = Path.of("..", "conf").toAbsolutePath().normalize();

  private TwoGpuWorker() {}

  /** The worker's own options. */
  static List<String> options(Path folder, String memory) throws IOException {
    Path script = folder.resolve("two-gpus.sh");
    Files.writeString(
        script,
        "#!/bin/sh\nCUDA_VISIBLE_DEVICES=0,1 exec '" + CONF.resolve("gpu-discovery.sh") + "'\n");
    Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwxr-xr-x"));
    Path properties = folder.resolve("worker.conf");
    Files.writeString(
        properties,
        "spark.worker.resource.gpu.amount 2\nspark.worker.resource.gpu.discoveryScript "
            + script
            + "\n");
    return List.of("--cores", "2", "--memory", memory, "--properties-file", properties.toString());
  }

  /**
   * spark-submit's options of a job as conf/standalone-gpu.conf has it.
   *
   * @param settings in place of, and beside, that file's
   */
  static List<String> submitOptions(Map<String, String> settings) {
    List<String> options =
        new ArrayList<>(
            List.of(
                "--class",
                "org.turboesm.job.TurboEsm",
                "--properties-file",
                CONF.resolve("standalone-gpu.conf").toString()));
    settings.forEach((key, value) -> options.addAll(List.of("--conf", key + "=" + value)));
    return options;
  }
}
