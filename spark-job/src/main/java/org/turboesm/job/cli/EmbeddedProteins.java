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
import org.turboesm.job.paper.PaperFigures;

/** The proteins inside the jar, as a file for as long as they are used. */
final class EmbeddedProteins implements AutoCloseable {
  private static final String DEMO = "/org/turboesm/job/demo/proteins.fasta.gz";

  private final Path folder;
  private final Path file;

  private EmbeddedProteins(Path folder, Path file) {
    this.folder = folder;
    this.file = file;
  }

  /** Extracts the first of the demo's. */
  static EmbeddedProteins demo(int proteins) {
    return extract(DEMO, proteins);
  }

  /** Extracts all of the demo's. */
  static EmbeddedProteins demo() {
    return demo(Integer.MAX_VALUE);
  }

  /** Extracts those of the paper's kinds. */
  static EmbeddedProteins paper() {
    return extract(PaperFigures.PROTEINS_RESOURCE, Integer.MAX_VALUE);
  }

  private static EmbeddedProteins extract(String name, int proteins) {
    try (InputStream resource = EmbeddedProteins.class.getResourceAsStream(name)) {
      if (resource == null) {
        throw new TurboEsmException(name + " is missing from the jar; build it anew");
      }
      Path folder = Files.createTempDirectory("turboesm-proteins");
      Path file = folder.resolve("proteins.fasta");
      InputStream text = name.endsWith(".gz") ? new GZIPInputStream(resource) : resource;
      try (BufferedReader reader =
              new BufferedReader(new InputStreamReader(text, StandardCharsets.UTF_8));
          BufferedWriter writer = Files.newBufferedWriter(file)) {
        copy(reader, writer, proteins);
      }
      return new EmbeddedProteins(folder, file);
    } catch (IOException e) {
      throw new TurboEsmException(name + " cannot be extracted: " + e.getMessage(), e);
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
