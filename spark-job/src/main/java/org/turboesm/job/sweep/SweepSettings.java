package org.turboesm.job.sweep;

import java.util.List;
import org.turboesm.calibration.CodecSpec;
import org.turboesm.engine.Prefill;
import org.turboesm.udf.EngineSpec;
import org.turboesm.udf.Mode;

/**
 * What a fidelity sweep is asked to measure: every codec, with every number of calibration
 * proteins, in every mode, decode with every prefill.
 *
 * @param inputs the values of {@code --input}
 * @param calibrationInputs those of {@code --calibrate-on}; empty to calibrate on proteins of the
 *     input that are not measured
 * @param byOrganism whether to calibrate on one half of the input's organisms and measure on the
 *     other, beside calibrating on the other proteins of that half
 * @param output the folder that is written
 * @param overwrite whether an older output there may be deleted
 * @param codecs to be fitted
 * @param calibrationProteins how many proteins to calibrate on, ascending
 * @param modes of turbo and decode
 * @param prefills of mode decode
 * @param sample proteins to measure on
 * @param batchTokens tokens that a task runs at once
 */
public record SweepSettings(
    List<String> inputs,
    List<String> calibrationInputs,
    boolean byOrganism,
    String output,
    boolean overwrite,
    EngineSpec engine,
    List<CodecSpec> codecs,
    List<Integer> calibrationProteins,
    List<Mode> modes,
    List<Prefill> prefills,
    int sample,
    int batchTokens) {
  public SweepSettings {
    inputs = List.copyOf(inputs);
    calibrationInputs = List.copyOf(calibrationInputs);
    codecs = codecs.stream().distinct().toList();
    calibrationProteins = calibrationProteins.stream().distinct().sorted().toList();
    modes = modes.stream().distinct().sorted().toList();
    prefills = prefills.stream().distinct().toList();
  }

  /** The same sweep over other proteins. */
  public SweepSettings withInputs(List<String> others) {
    return new SweepSettings(
        others,
        calibrationInputs,
        byOrganism,
        output,
        overwrite,
        engine,
        codecs,
        calibrationProteins,
        modes,
        prefills,
        sample,
        batchTokens);
  }
}
