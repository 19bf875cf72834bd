package org.turboesm.calibration;

import java.io.Serializable;
import java.util.List;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.turboesm.TurboEsmException;
import org.turboesm.kv.KvCodec;

/**
 * The fitted artefact: a codec for one model's weights, and where it came from.
 *
 * @param modelHash {@link org.turboesm.esm2.EsmWeights#hash} of the weights it was fitted to
 * @param proteinSha256 SHA-256 of each calibration protein's residues, sorted
 * @param tokens calibration tokens
 * @param heldOut figures on other proteins; null until they are measured
 */
public record Calibration(
    CodecSpec spec,
    String modelHash,
    List<String> proteinSha256,
    long tokens,
    KvCodec codec,
    HeldOut heldOut)
    implements Serializable {
  public Calibration {
    proteinSha256 = proteinSha256.stream().sorted().toList();
  }

  /** The same artefact with its held-out figures. */
  public Calibration withHeldOut(HeldOut figures) {
    return new Calibration(spec, modelHash, proteinSha256, tokens, codec, figures);
  }

  /** The figures on other proteins, if they were measured. */
  public Optional<HeldOut> measured() {
    return Optional.ofNullable(heldOut);
  }

  /** SHA-256, in hex, of all that determines a result: the codec's numbers and their origin. */
  public String hash() {
    return CalibrationHash.of(this);
  }

  /**
   * Refuses other weights.
   *
   * @throws TurboEsmException if the artefact was fitted to other weights than these
   */
  public void requireModel(String hash) {
    if (!modelHash.equals(hash)) {
      throw new TurboEsmException(
          "the calibration was fitted to the model with hash "
              + modelHash
              + ", the model at hand has "
              + hash
              + "; give that model, or calibrate anew with \"turboesm calibrate\"");
    }
  }

  /** Writes the Parquet artefact, a row a layer and head; replaces an older file. */
  public void write(Path file, Configuration configuration) {
    CalibrationFile.write(this, file, configuration);
  }

  /**
   * Reads an artefact.
   *
   * @param path the Parquet file, or a folder that holds one
   * @throws TurboEsmException if there is none, it is damaged, or of another format version
   */
  public static Calibration read(Path path, Configuration configuration) {
    return CalibrationFile.read(path, configuration);
  }
}
