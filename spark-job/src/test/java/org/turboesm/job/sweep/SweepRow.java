package org.turboesm.job.sweep;

import java.util.List;
import org.turboesm.esm2.EsmConfig;
import org.turboesm.esm2.EsmTokenizer;
import org.turboesm.udf.ModelIdentity;

/** Rows of a sweep, each alike but for what a test changes. */
final class SweepRow {
  static final ModelIdentity MODEL =
      new ModelIdentity(
          "some-model",
          new EsmConfig(2, 32, 2, 64, EsmTokenizer.VOCABULARY_SIZE, 1e-5f, 10_000f, true, true),
          "0123456789abcdef");

  private String codec = "default";
  private double keyBits = 3;
  private double valueBits = 3;
  private String allotment = "head";
  private String calibratedOn = "other proteins";
  private int calibrationProteins = 64;
  private String mode = "turbo";
  private String prefill;
  private Double nmse = 0.01;
  private Double kl = 0.002;
  private Double perplexityChange = 0.015;
  private List<List<Double>> nmseByHead = List.of(List.of(0.01, 0.02), List.of(0.03, 0.04));
  private List<FidelityRow.Position> positions =
      List.of(new FidelityRow.Position(1, 5, 0.999), new FidelityRow.Position(2, 10, 0.99));

  SweepRow codec(String of, double meanBits) {
    codec = of;
    return bits(meanBits, meanBits);
  }

  SweepRow bits(double ofKeys, double ofValues) {
    keyBits = ofKeys;
    valueBits = ofValues;
    return this;
  }

  SweepRow allotment(String of) {
    allotment = of;
    return this;
  }

  SweepRow calibration(int proteins, String from) {
    calibrationProteins = proteins;
    calibratedOn = from;
    return this;
  }

  SweepRow decode(String after) {
    mode = "decode";
    prefill = after;
    return this;
  }

  SweepRow nmse(Double mean) {
    nmse = mean;
    return this;
  }

  SweepRow nmseByHead(List<List<Double>> heads) {
    nmseByHead = heads;
    return this;
  }

  SweepRow positions(List<FidelityRow.Position> of) {
    positions = of;
    return this;
  }

  SweepRow perplexityChange(double share) {
    perplexityChange = share;
    return this;
  }

  /** Without the figures of the language-model head. */
  SweepRow withoutLogits() {
    kl = null;
    perplexityChange = null;
    return this;
  }

  FidelityRow row() {
    return new FidelityRow(
        codec,
        keyBits,
        valueBits,
        false,
        allotment,
        keyBits,
        valueBits,
        calibratedOn,
        calibrationProteins,
        mode,
        prefill,
        32,
        2 * (keyBits + valueBits),
        1000,
        64 / (keyBits + valueBits),
        32 / (keyBits + valueBits),
        2,
        nmse,
        nmse,
        0.99512345,
        0.97,
        0.9,
        0.02,
        0.99,
        0.98,
        0.96,
        0.8,
        0.04,
        0.9999,
        0.9990,
        kl,
        0.987,
        7.5,
        7.4,
        perplexityChange,
        nmse == null ? List.of() : List.of(nmse, nmse),
        nmseByHead,
        positions);
  }
}
