package org.turboesm.job;

import com.github.luben.zstd.ZstdOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.GZIPOutputStream;
import org.apache.commons.compress.compressors.bzip2.BZip2CompressorOutputStream;

/** Writes input files, compressed as their names say. */
final class InputWriter {
  private InputWriter() {}

  /**
   * @param members each compressed on its own, one behind the other
   * @return the file's path
   */
  static String write(Path folder, String name, String... members) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (String member : members) {
      bytes.write(compress(name, member));
    }
    return write(folder, name, bytes.toByteArray());
  }

  static String write(Path folder, String name, byte[] content) throws IOException {
    Path file = folder.resolve(name);
    Files.createDirectories(file.getParent());
    return Files.write(file, content).toString();
  }

  static byte[] compress(String name, String text) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (OutputStream stream = compressor(name, bytes)) {
      stream.write(text.getBytes(StandardCharsets.UTF_8));
    }
    return bytes.toByteArray();
  }

  private static OutputStream compressor(String name, OutputStream stream) throws IOException {
    if (name.endsWith(".gz")) {
      return new GZIPOutputStream(stream);
    }
    if (name.endsWith(".bz2")) {
      return new BZip2CompressorOutputStream(stream, BZip2CompressorOutputStream.MIN_BLOCKSIZE);
    }
    // With a checksum, as the zstd command writes it.
    return name.endsWith(".zst") ? new ZstdOutputStream(stream).setChecksum(true) : stream;
  }
}
