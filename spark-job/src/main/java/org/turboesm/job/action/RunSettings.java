package org.turboesm.job.action;

import java.util.List;
import org.turboesm.calibration.CodecSpec;
import org.turboesm.engine.Prefill;
import org.turboesm.udf.EngineSpec;
import org.turboesm.udf.Mode;

/**
 * What a run is asked to do.
 *
 * @param inputs the values of {@code --input}
 * @param output the folder that is written
 * @param overwrite whether an older run's output there may be deleted
 */
public record RunSettings(
    List<String> inputs,
    String output,
    boolean overwrite,
    EngineSpec engine,
    List<Mode> modes,
    EmbeddingSettings embedding,
    CalibrationSettings calibration,
    int fidelitySample) {

  /** The value of {@link #fidelitySample} that measures every protein. */
  public static final int ALL = Integer.MAX_VALUE;

  public RunSettings {
    inputs = List.copyOf(inputs);
    modes = modes.stream().distinct().sorted().toList();
  }

  /** The same run on other proteins. */
  public RunSettings withInputs(List<String> others) {
    return new RunSettings(
        others, output, overwrite, engine, modes, embedding, calibration, fidelitySample);
  }

  /** Whether any mode runs over the packed cache. */
  public boolean needsCalibration() {
    return modes.stream().anyMatch(Mode::needsCalibration);
  }

  /**
   * What rows hold, and how they are computed.
   *
   * @param layers as given, negative ones from the end
   */
  public record EmbeddingSettings(
      boolean cls, boolean residues, List<Integer> layers, Prefill prefill, int batchTokens) {
    public EmbeddingSettings {
      layers = List.copyOf(layers);
    }
  }

  /**
   * Where the calibration comes from.
   *
   * @param file an artefact to read; null to fit one
   * @param codec what is fitted
   * @param proteins how many it is fitted on, at most
   */
  public record CalibrationSettings(String file, CodecSpec codec, int proteins) {}
}
