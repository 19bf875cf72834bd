package org.turboesm.job.cli;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import org.turboesm.TurboEsmException;
import org.turboesm.calibration.Allotment;
import org.turboesm.calibration.CodecSpec;

/** The codecs of a sweep: each at all bits and allotments that it can have. */
final class SweepCodecs {
  /** The first of the codecs, which can have all bits that any can. */
  private static final String DEFAULT = CodecSpec.codecs().get(0);

  private static final Pattern WIDTH = Pattern.compile("[0-9]+(\\.[0-9]+)?(:[0-9]+(\\.[0-9]+)?)?");

  private SweepCodecs() {}

  /**
   * @param codecs the values of {@code --codecs}
   * @param bits those of {@code --bits}
   * @param allotments those of {@code --allotment}; empty for each codec's own
   * @throws TurboEsmException if a word is unknown, or a codec named by itself can have none of
   *     these bits and allotments; those of all and ablation are left out then
   */
  static List<CodecSpec> of(List<String> codecs, List<String> bits, List<String> allotments) {
    List<String> widths = Options.given("--bits", bits).stream().map(SweepCodecs::width).toList();
    List<String> moved = new ArrayList<>(Options.split(allotments));
    moved.forEach(Allotment::parse);
    if (moved.isEmpty()) {
      moved.add(null);
    }
    Set<String> named = new LinkedHashSet<>();
    Set<String> names = new LinkedHashSet<>();
    for (String word : Options.given("--codecs", codecs)) {
      switch (word) {
        case "all" -> names.addAll(CodecSpec.codecs());
        case "ablation" -> {
          names.add(DEFAULT);
          names.addAll(CodecSpec.ablations());
        }
        default -> {
          named.add(word);
          names.add(word);
        }
      }
    }
    Set<CodecSpec> specs = new LinkedHashSet<>();
    TurboEsmException refused = null;
    for (String name : names) {
      boolean possible = false;
      for (String allotment : moved) {
        for (String width : widths) {
          try {
            specs.add(CodecSpec.parse(name, CodecSpec.fixesBits(name) ? null : width, allotment));
            possible = true;
          } catch (TurboEsmException e) {
            refused = e;
          }
        }
      }
      if (!possible && named.contains(name)) {
        throw refused;
      }
    }
    if (specs.isEmpty()) {
      throw refused;
    }
    return List.copyOf(specs);
  }

  /** Bits in the words of {@link CodecSpec#parse}, if any codec can have them. */
  private static String width(String text) {
    if (!WIDTH.matcher(text).matches()) {
      throw new TurboEsmException(
          "--bits: \"" + text + "\" is neither one number like 3 nor two like 3:2 (keys:values)");
    }
    String keysAndValues = text.replace(':', ',');
    CodecSpec.parse(DEFAULT, keysAndValues, null);
    return keysAndValues;
  }
}
