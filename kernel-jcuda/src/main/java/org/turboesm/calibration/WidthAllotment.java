package org.turboesm.calibration;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/** Allots the bits of a codec to the channels of some layers. */
final class WidthAllotment {
  private final CodecSpec spec;
  private final List<LayerDistortions> layers;

  WidthAllotment(CodecSpec spec, List<LayerDistortions> layers) {
    this.spec = spec;
    this.layers = layers;
  }

  /** The widths of each layer; the total of each set of channels is exact. */
  List<LayerWidths> widths() {
    List<LayerWidths> widths = new ArrayList<>();
    for (LayerDistortions layer : layers) {
      int heads = layer.keys().length;
      widths.add(new LayerWidths(new int[heads][], new int[heads][]));
    }
    for (List<Head> set : sets()) {
      allot(set, widths);
    }
    return widths;
  }

  /** The keys or the values of one head. */
  private record Head(int layer, int head, boolean isKey) {}

  /** Sets of channels within which bits may move. */
  private List<List<Head>> sets() {
    List<List<Head>> sets = new ArrayList<>();
    List<Head> all = new ArrayList<>();
    for (int l = 0; l < layers.size(); l++) {
      List<Head> layer = new ArrayList<>();
      for (int h = 0; h < layers.get(l).keys().length; h++) {
        Head keys = new Head(l, h, true);
        Head values = new Head(l, h, false);
        switch (spec.allotment()) {
          case SEPARATE -> sets.addAll(List.of(List.of(keys), List.of(values)));
          case HEAD -> sets.add(List.of(keys, values));
          case LAYER -> layer.addAll(List.of(keys, values));
          case MODEL -> all.addAll(List.of(keys, values));
        }
      }
      sets.add(layer);
    }
    sets.add(all);
    sets.removeIf(List::isEmpty);
    return sets;
  }

  private void allot(List<Head> set, List<LayerWidths> widths) {
    double[][] distortions =
        set.stream().flatMap(head -> Stream.of(distortions(head))).toArray(double[][]::new);
    long total = set.stream().mapToLong(this::bits).sum();
    int[] allotted = BitAllocation.allot(distortions, Math.toIntExact(total));
    int next = 0;
    for (Head head : set) {
      int size = distortions(head).length;
      LayerWidths layer = widths.get(head.layer);
      (head.isKey ? layer.keys() : layer.values())[head.head] =
          Arrays.copyOfRange(allotted, next, next + size);
      next += size;
    }
  }

  private double[][] distortions(Head head) {
    LayerDistortions layer = layers.get(head.layer);
    return (head.isKey ? layer.keys() : layer.values())[head.head];
  }

  private long bits(Head head) {
    return Math.round((head.isKey ? spec.keyBits() : spec.valueBits()) * distortions(head).length);
  }
}
