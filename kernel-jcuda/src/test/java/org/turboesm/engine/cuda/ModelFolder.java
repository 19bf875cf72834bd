package org.turboesm.engine.cuda;

import java.nio.file.Files;
import java.nio.file.Path;
import org.turboesm.device.Workload;
import org.turboesm.esm2.RandomEsmModel;

/** Random weights of a workload's model, written once for the parts that run it. */
final class ModelFolder {
  /** So that a file is put together in little memory. */
  private static final int SHARDS = 8;

  private ModelFolder() {}

  /** The folder, in the folder for temporary files. */
  static Path of(Workload workload) {
    Path folder =
        Path.of(
            System.getProperty("java.io.tmpdir"),
            "random-model-" + workload.model().layers() + "x" + workload.model().hiddenSize());
    Path complete = folder.resolve("complete");
    if (!Files.exists(complete)) {
      RandomEsmModel.of(workload.model(), Workload.SEED)
          .withType("BF16")
          .withShards(SHARDS)
          .write(folder);
      try {
        Files.createFile(complete);
      } catch (java.io.IOException e) {
        throw new java.io.UncheckedIOException(e);
      }
    }
    return folder;
  }
}
