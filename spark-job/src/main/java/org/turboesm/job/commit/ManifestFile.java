package org.turboesm.job.commit;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/** The manifest as JSON. */
final class ManifestFile {
  private static final ObjectMapper MAPPER =
      new ObjectMapper()
          .setPropertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
          .enable(SerializationFeature.INDENT_OUTPUT);

  private ManifestFile() {}

  static void write(Manifest manifest, OutputStream stream) throws IOException {
    stream.write(MAPPER.writeValueAsBytes(manifest));
    stream.write('\n');
  }

  /** Whether a file of the manifest's name is one: others use the name too. */
  static boolean isOurs(FileSystem fileSystem, Path file) throws IOException {
    try (InputStream stream = fileSystem.open(file)) {
      JsonNode json = MAPPER.readTree(stream);
      return json != null && json.path("format").asText().equals(Manifest.FORMAT);
    } catch (JacksonException e) {
      return false;
    }
  }
}
