package org.turboesm.job.cli;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.GZIPInputStream;
import org.turboesm.TurboEsmException;

/** The proteins inside the jar, as a file for as long as they are used. */
final class DemoProteins implements AutoCloseable {
  private static final String RESOURCE = "/org/turboesm/job/demo/proteins.fasta.gz";

  private final Path folder;
  private final Path file;

  private DemoProteins(Path folder, Path file) {
    this.folder = folder;
    this.file = file;
  }

  /** Extracts the first of them. */
  static DemoProteins extract(int proteins) {
    try (InputStream resource = DemoProteins.class.getResourceAsStream(RESOURCE)) {
      if (resource == null) {
        throw new TurboEsmException(RESOURCE + " is missing from the jar; build it anew");
      }
      Path folder = Files.createTempDirectory("turboesm-demo-proteins");
      Path file = folder.resolve("proteins.fasta");
      try (BufferedReader reader =
              new BufferedReader(
                  new InputStreamReader(new GZIPInputStream(resource), StandardCharsets.UTF_8));
          BufferedWriter writer = Files.newBufferedWriter(file)) {
        copy(reader, writer, proteins);
      }
      return new DemoProteins(folder, file);
    } catch (IOException e) {
      throw new TurboEsmException("the demo proteins cannot be extracted: " + e.getMessage(), e);
    }
  }

  private static void copy(BufferedReader reader, BufferedWriter writer, int proteins)
      throws IOException {
    int begun = 0;
    for (String line = reader.readLine(); line != null; line = reader.readLine()) {
      if (line.startsWith(">") && ++begun > proteins) {
        return;
      }
      writer.write(line);
      writer.write('\n');
    }
  }

  Path file() {
    return file;
  }

  @Override
  public void close() {
    try {
      Files.deleteIfExists(file);
      Files.deleteIfExists(folder);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
