package org.turboesm.job.commit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.turboesm.TurboEsmException;
import org.turboesm.job.progress.Phase;

class OutputFolderTest {
  @TempDir Path folder;

  private OutputFolder output() {
    return OutputFolder.of(folder.resolve("out").toString(), new Configuration());
  }

  private static Manifest manifest() {
    return new Manifest(
        Manifest.FORMAT,
        Manifest.VERSION,
        new Manifest.Versions("1", "4", "17", "local"),
        Map.of("model", "demo"),
        new Manifest.Model("demo", "abc", 6, 256, 4),
        new Manifest.Input(List.of("file:/in.fasta"), "def"),
        null,
        new Manifest.Counts(2, 1, 1, Map.of("encode", 1L), Map.of("EMPTY_RECORD", 1L), 0),
        List.of(new Phase("ingest", 1.5)),
        1000.0,
        Map.of("encode", new Manifest.Throughput(1, 500, 0.25)),
        Map.of("turbo", new Manifest.CacheBytes(1000, 500, 100)),
        Map.of(),
        List.of(new OutputFile("embeddings/mode=encode/a.parquet", 17)));
  }

  @Test
  void aRunIsUnfinishedUntilItsManifestIsThere() throws IOException {
    output().begin(false);
    assertThat(folder.resolve("out/_turboesm_unfinished")).exists();
    assertThatThrownBy(() -> output().check(false))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageContaining("holds an unfinished run");
    Files.createDirectories(folder.resolve("out/embeddings/mode=encode"));
    Files.writeString(folder.resolve("out/embeddings/mode=encode/a.parquet"), "x");
    assertThat(output().files())
        .containsExactly(new OutputFile("embeddings/mode=encode/a.parquet", 1));

    output().complete(manifest());
    assertThat(folder.resolve("out/_turboesm_unfinished")).doesNotExist();
    assertThat(folder.resolve("out/manifest.json"))
        .content()
        .contains(
            "\"format\" : \"turboesm-manifest\"",
            "\"records_read\" : 2",
            "\"tokens_per_task_second\" : 2000.0",
            "\"ratio_to_fp32\" : 10.0")
        .doesNotContain("calibration");

    // Complete or not, a run's own output may be replaced where that is asked for.
    output().begin(true);
    assertThat(folder.resolve("out/embeddings")).doesNotExist();
    output().begin(true);
  }

  @Test
  void nothingElseIsEverDeleted() throws IOException {
    assertThatCode(() -> output().check(false)).doesNotThrowAnyException();
    Files.createDirectory(folder.resolve("out"));
    assertThatCode(() -> output().check(true)).doesNotThrowAnyException();
    Files.writeString(folder.resolve("out/thesis.txt"), "years of work");
    for (String manifest : List.of("no JSON", "{}", "{\"format\": \"another\"}", "")) {
      Files.writeString(folder.resolve("out/manifest.json"), manifest);
      assertThatThrownBy(() -> output().begin(true))
          .isInstanceOf(TurboEsmException.class)
          .hasMessageContaining("does not delete it");
    }
    assertThat(folder.resolve("out/thesis.txt")).exists();
    assertThatThrownBy(() -> output().begin(false))
        .hasMessageContaining("exists and is not empty")
        .hasMessageContaining("--overwrite");
  }

  @Test
  void unknownFileSystemsAreNamed() {
    assertThatThrownBy(() -> OutputFolder.of("nofs://host/out", new Configuration()))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageContaining("nofs");
  }
}
