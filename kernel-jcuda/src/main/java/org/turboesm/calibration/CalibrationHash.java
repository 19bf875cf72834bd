package org.turboesm.calibration;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import org.turboesm.kv.AffineMap;
import org.turboesm.kv.ChannelRange;
import org.turboesm.kv.Codebook;
import org.turboesm.kv.HeadCodec;

/** Digests a calibration number by number, independently of how its file is encoded. */
final class CalibrationHash {
  private final MessageDigest digest;

  private CalibrationHash() {
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  static String of(Calibration calibration) {
    CalibrationHash hash = new CalibrationHash();
    hash.add(calibration.spec().toString());
    hash.add(calibration.modelHash());
    calibration.proteinSha256().forEach(hash::add);
    hash.add(String.valueOf(calibration.codec().tail()));
    for (List<HeadCodec> layer : calibration.codec().heads()) {
      for (HeadCodec head : layer) {
        hash.add(head.key());
        hash.add(head.query());
        hash.add(head.value());
        hash.add(head.output());
        hash.add(head.keyCodebook());
        hash.add(head.valueCodebook());
        hash.add(String.valueOf(head.tokenScaledValues()));
        hash.add(head.keyRange());
        hash.add(head.valueRange());
      }
    }
    return HexFormat.of().formatHex(hash.digest.digest());
  }

  private void add(String text) {
    digest.update((text + '\n').getBytes(StandardCharsets.UTF_8));
  }

  private void add(AffineMap map) {
    add(map.columns());
    add(map.bias());
  }

  private void add(ChannelRange range) {
    add(range.lowest());
    add(range.highest());
  }

  private void add(Codebook codebook) {
    for (int width : codebook.bits()) {
      digest.update((byte) width);
    }
    add(Arrays.copyOf(codebook.centroids(), codebook.size()));
    add(Arrays.copyOf(codebook.thresholds(), codebook.size()));
  }

  private void add(float[] values) {
    ByteBuffer bytes = ByteBuffer.allocate(values.length * Float.BYTES);
    bytes.asFloatBuffer().put(values);
    digest.update(bytes);
  }
}
