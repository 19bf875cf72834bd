package org.turboesm.attention.vector;

import jdk.incubator.vector.FloatVector;
import org.turboesm.kv.AffineMap;

/** y = M x + b, column by column, a few vectors of y in registers over all columns. */
final class MapKernel {
  private static final int VECTORS = 4;

  private MapKernel() {}

  static void map(AffineMap map, float[] x, int xOffset, float[] y, int yOffset) {
    int j = 0;
    for (; j + VECTORS * Lanes.COUNT <= map.size(); j += VECTORS * Lanes.COUNT) {
      four(map, j, x, xOffset, y, yOffset + j);
    }
    for (; j + Lanes.COUNT <= map.size(); j += Lanes.COUNT) {
      one(map, j, x, xOffset, y, yOffset + j);
    }
    for (; j < map.size(); j++) {
      float sum = map.bias()[j];
      for (int i = 0; i < map.size(); i++) {
        sum += map.at(j, i) * x[xOffset + i];
      }
      y[yOffset + j] = sum;
    }
  }

  private static void four(AffineMap map, int row, float[] x, int xOffset, float[] y, int yOffset) {
    int lanes = Lanes.COUNT;
    float[] columns = map.columns();
    FloatVector y0 = Lanes.load(map.bias(), row);
    FloatVector y1 = Lanes.load(map.bias(), row + lanes);
    FloatVector y2 = Lanes.load(map.bias(), row + 2 * lanes);
    FloatVector y3 = Lanes.load(map.bias(), row + 3 * lanes);
    for (int i = 0; i < map.size(); i++) {
      FloatVector xi = Lanes.broadcast(x[xOffset + i]);
      int column = i * map.size() + row;
      y0 = Lanes.load(columns, column).fma(xi, y0);
      y1 = Lanes.load(columns, column + lanes).fma(xi, y1);
      y2 = Lanes.load(columns, column + 2 * lanes).fma(xi, y2);
      y3 = Lanes.load(columns, column + 3 * lanes).fma(xi, y3);
    }
    y0.intoArray(y, yOffset);
    y1.intoArray(y, yOffset + lanes);
    y2.intoArray(y, yOffset + 2 * lanes);
    y3.intoArray(y, yOffset + 3 * lanes);
  }

  private static void one(AffineMap map, int row, float[] x, int xOffset, float[] y, int yOffset) {
    FloatVector sum = Lanes.load(map.bias(), row);
    for (int i = 0; i < map.size(); i++) {
      sum =
          Lanes.load(map.columns(), i * map.size() + row).fma(Lanes.broadcast(x[xOffset + i]), sum);
    }
    sum.intoArray(y, yOffset);
  }
}
